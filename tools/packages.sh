# shellcheck shell=sh disable=SC2034 # whoever sources it uses them
#
# Sourced by ./run, ./test, .ci/run, tests/fuzz/run, bench/run and bench/counts: which Debian packages each needs,
# and how to install them.

build_packages="g++ cmake ninja-build libfmt-dev libcli11-dev libtomlplusplus-dev libqrencode-dev
  nlohmann-json3-dev node-llhttp libjs-chart.js libpcre2-dev libcrypt-dev libssl-dev
  libnghttp2-dev zlib1g-dev libbrotli-dev libzstd-dev"
test_packages="libgtest-dev libgmock-dev libboost-dev python3 python3-pytest python3-pytest-xdist
  python3-selenium chromium chromium-driver fonts-noto-cjk zbar-tools curl git gcc perl procps slowhttptest
  gitweb cgit awstats man2html php-cgi libcgi-pm-perl goaccess logrotate zsync mimetex squid-cgi
  libcgi-fast-perl libmojolicious-perl libdancer2-perl python3-flask python3-django
  apache2-utils openssl brotli zstd python3-cryptography certbot pebble testssl.sh
  python3-h2 nghttp2-client wget iproute2"
package_packages="scdoc man-db pkg-config bash-completion zsh fish systemd
  build-essential dpkg-dev debhelper lintian iproute2 busybox xz-utils g++-aarch64-linux-gnu qemu-user"
# kubectl, which may be there from elsewhere.
command -v kubectl >/dev/null || package_packages="$package_packages kubernetes-client"
# Kubernetes' schema. Every Python program loads a file of theirs as it starts, which bench/counts would
# count: so ./test packages installs them, and nobody before it.
schema_packages="python3-yaml python3-kubernetes"
# packaging/release, for another architecture.
release_packages="crossbuild-essential-arm64"
lint_packages="clang-format-14 clang-tidy-19 pyflakes3 shellcheck nodejs"
fuzz_packages="clang-19 libclang-rt-19-dev"
# Other servers, that cgisrv is compared with; none of them is to run by itself.
peer_packages="apache2-bin lighttpd lighttpd-mod-deflate nginx fcgiwrap haproxy caddy"
# What cachemgr.cgi asks.
proxy_packages="squid"
# promtool comes with a server that is not to run.
metrics_packages="prometheus"
# CGI programs that the end-to-end tests serve; their services are not to run. The web server that
# they want is among those above.
program_packages="mercurial cvsweb mediawiki php-sqlite3 php-cli php-fpm nagios4-cgi xymon mapcache-cgi
  namazu2 namazu2-index-tools collectd-core rrdtool librrds-perl libconfig-general-perl
  libhtml-parser-perl dokuwiki ikiwiki libcgi-session-perl libcgi-formbuilder-perl
  backuppc munin smokeping w3c-markup-validator cgi-mapserver dwww rancid-cgi"
# bench/counts: system calls, and instructions.
count_packages="strace valgrind gcc python3 perl"
bench_packages="wrk musl-tools gcc python3 perl libssl-dev zlib1g-dev golang-go busybox h2o php-fpm
  nghttp2-client
  $peer_packages"

# missing_of PACKAGE...: those that are not there.
missing_of() {
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' ||
      printf ' %s' "$package"
  done
}

# install_missing PACKAGE...: asks apt only for what is not there, so that it costs nothing when
# everything is.
install_missing() {
  missing=$(missing_of "$@")
  [ -n "$missing" ] || return 0
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "These Debian packages are missing:$missing" >&2
      echo "Install them as root (apt-get install$missing), then try again." >&2
      exit 69
    }
    sudo=sudo
  fi
  echo "Installing the missing Debian packages:$missing"
  $sudo apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    $missing >/dev/null
}

# install_without_services PACKAGE...: the same for servers that are not to run (invoke-rc.d(8)).
install_without_services() (
  [ -n "$(missing_of "$@")" ] || return 0
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap '$sudo rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod +x "$policy"
  fi
  install_missing "$@"
)

# build PRESET TARGET...: configures once; ninja sees by itself when that must be done again.
build() {
  preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" --target "$@"
}

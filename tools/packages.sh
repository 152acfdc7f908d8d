# Sourced by ./run, ./test, .ci/run and tests/fuzz/run: which Debian packages each needs, and how to
# install them.

build_packages="g++ cmake ninja-build libfmt-dev libcli11-dev libtomlplusplus-dev
  nlohmann-json3-dev node-llhttp"
test_packages="libgtest-dev libgmock-dev libboost-dev python3 python3-pytest python3-selenium chromium
  chromium-driver fonts-noto-cjk curl git gcc perl procps slowhttptest"
lint_packages="clang-format-14 clang-tidy-19"
fuzz_packages="clang-19 libclang-rt-19-dev"

# install_missing PACKAGE...: asks apt only for what is not there, so that it costs nothing when
# everything is.
install_missing() {
  missing=""
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' ||
      missing="$missing $package"
  done
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

# build PRESET TARGET...: configures once; ninja sees by itself when that must be done again.
build() {
  preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" --target "$@"
}

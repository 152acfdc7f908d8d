#compdef cgisrv
# zsh completion for cgisrv, from `cgisrv completion zsh`
local verb=${words[(r)(check|status|reload|upgrade|reopen|quit|stop|drain|undrain|exec|passwd|haproxy-config|reference|completion)]}
case $verb in
  '') _arguments -s \
    '(-l --listen)-l:value: ' \
    '(-l --listen)--listen:value: ' \
    '(--fastcgi)--fastcgi:value: ' \
    '(--scgi)--scgi:value: ' \
    '(-w --workers)-w:value: ' \
    '(-w --workers)--workers:value: ' \
    '(--admin)--admin:value: ' \
    '(--server-name)--server-name:value: ' \
    '(--auth)--auth:value: ' \
    '(--tls)--tls' \
    '(--warm)--warm' \
    '(--open)--open' \
    '(-E --setenv)-E:value: ' \
    '(-E --setenv)--setenv:value: ' \
    '(--body-size)--body-size:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--version)--version' \
    '1: :{_alternative "commands:command:(check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion)" "dirs:DIR:_files -/"}' ;;
  check) _arguments -s \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--explain)--explain:value: ' \
    '(--client)--client:value: ' \
    '(--method)--method:value: ' \
    '1:command:(check)' ;;
  status) _arguments -s \
    '(--watch)--watch' \
    '(--json)--json' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(status)' ;;
  reload) _arguments -s \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(reload)' ;;
  upgrade) _arguments -s \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(upgrade)' ;;
  reopen) _arguments -s \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(reopen)' ;;
  quit) _arguments -s \
    '(--no-wait)--no-wait' \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(quit)' ;;
  stop) _arguments -s \
    '(--no-wait)--no-wait' \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(stop)' ;;
  drain) _arguments -s \
    '(--maintenance)--maintenance' \
    '(--wait)--wait' \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(drain)' ;;
  undrain) _arguments -s \
    '(--if-running)--if-running' \
    '(--pid)--pid:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--socket)--socket:FILE:_files' \
    '1:command:(undrain)' ;;
  exec) _arguments -s \
    '(-X --method)-X:value: ' \
    '(-X --method)--method:value: ' \
    '(-H --header)-H:value: ' \
    '(-H --header)--header:value: ' \
    '(--env)--env' \
    '(--raw)--raw' \
    '(--json)--json' \
    '(--verify)--verify' \
    '(-E --setenv)-E:value: ' \
    '(-E --setenv)--setenv:value: ' \
    '(--body-size)--body-size:value: ' \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '1:command:(exec)' \
    '2:FILE:_files' ;;
  passwd) _arguments -s \
    '(--delete)--delete' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '1:command:(passwd)' \
    '2:FILE:_files' ;;
  haproxy-config) _arguments -s \
    '(-c --config)-c:FILE:_files' \
    '(-c --config)--config:FILE:_files' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '(--address)--address:value: ' \
    '(--name)--name:value: ' \
    '1:command:(haproxy-config)' ;;
  reference) _arguments -s \
    '(--scdoc)--scdoc' \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '1:command:(reference)' ;;
  completion) _arguments -s \
    '(-h --help)-h' \
    '(-h --help)--help' \
    '1:command:(completion)' \
    '2:value: ' ;;
esac

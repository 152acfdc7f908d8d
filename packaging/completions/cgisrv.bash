# bash completion for cgisrv, from `cgisrv completion bash`
_cgisrv() {
  local word=${COMP_WORDS[COMP_CWORD]} verb='' each
  COMPREPLY=()
  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in
      check | status | reload | upgrade | reopen | quit | stop | drain | undrain | exec | passwd | haproxy-config | reference | completion) verb=$each; break ;;
    esac
  done
  case $verb:${COMP_WORDS[COMP_CWORD-1]} in
    :-l | :--listen) :; return ;;
    :--fastcgi) :; return ;;
    :--scgi) :; return ;;
    :-w | :--workers) :; return ;;
    :--admin) :; return ;;
    :--server-name) :; return ;;
    :--auth) :; return ;;
    :-E | :--setenv) :; return ;;
    :--body-size) :; return ;;
    :-c | :--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    check:-c | check:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    check:--explain) :; return ;;
    check:--client) :; return ;;
    check:--method) :; return ;;
    status:--pid) :; return ;;
    status:-c | status:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    status:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--pid) :; return ;;
    reload:-c | reload:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    upgrade:--pid) :; return ;;
    upgrade:-c | upgrade:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    upgrade:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reopen:--pid) :; return ;;
    reopen:-c | reopen:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reopen:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    quit:--pid) :; return ;;
    quit:-c | quit:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    quit:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    stop:--pid) :; return ;;
    stop:-c | stop:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    stop:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--pid) :; return ;;
    drain:-c | drain:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    undrain:--pid) :; return ;;
    undrain:-c | undrain:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    undrain:--socket) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    exec:-X | exec:--method) :; return ;;
    exec:-H | exec:--header) :; return ;;
    exec:-E | exec:--setenv) :; return ;;
    exec:--body-size) :; return ;;
    exec:-c | exec:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    haproxy-config:-c | haproxy-config:--config) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
    haproxy-config:--address) :; return ;;
    haproxy-config:--name) :; return ;;
  esac
  case $verb:$word in
    :-*) COMPREPLY=($(compgen -W '-l --listen --fastcgi --scgi -w --workers --admin --server-name --auth --tls --warm --open -E --setenv --body-size -c --config -h --help --version' -- "$word")) ;;
    :*) compopt -o filenames; COMPREPLY=($(compgen -d -- "$word")) ;;
    check:-*) COMPREPLY=($(compgen -W '-c --config -h --help --explain --client --method' -- "$word")) ;;
    check:*) : ;;
    status:-*) COMPREPLY=($(compgen -W '--watch --json --pid -c --config -h --help --socket' -- "$word")) ;;
    status:*) : ;;
    reload:-*) COMPREPLY=($(compgen -W '--if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    reload:*) : ;;
    upgrade:-*) COMPREPLY=($(compgen -W '--if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    upgrade:*) : ;;
    reopen:-*) COMPREPLY=($(compgen -W '--if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    reopen:*) : ;;
    quit:-*) COMPREPLY=($(compgen -W '--no-wait --if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    quit:*) : ;;
    stop:-*) COMPREPLY=($(compgen -W '--no-wait --if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    stop:*) : ;;
    drain:-*) COMPREPLY=($(compgen -W '--maintenance --wait --if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    drain:*) : ;;
    undrain:-*) COMPREPLY=($(compgen -W '--if-running --pid -c --config -h --help --socket' -- "$word")) ;;
    undrain:*) : ;;
    exec:-*) COMPREPLY=($(compgen -W '-X --method -H --header --env --raw --json --verify -E --setenv --body-size -c --config -h --help' -- "$word")) ;;
    exec:*) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")) ;;
    passwd:-*) COMPREPLY=($(compgen -W '--delete -h --help' -- "$word")) ;;
    passwd:*) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")) ;;
    haproxy-config:-*) COMPREPLY=($(compgen -W '-c --config -h --help --address --name' -- "$word")) ;;
    haproxy-config:*) : ;;
    reference:-*) COMPREPLY=($(compgen -W '--scdoc -h --help' -- "$word")) ;;
    reference:*) : ;;
    completion:-*) COMPREPLY=($(compgen -W '-h --help' -- "$word")) ;;
    completion:*) : ;;
  esac
  [ -n "$verb" ] || [[ $word = -* ]] ||
    COMPREPLY+=($(compgen -W 'check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -- "$word"))
}
complete -F _cgisrv cgisrv

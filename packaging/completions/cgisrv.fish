# fish completion for cgisrv, from `cgisrv completion fish`
complete -c cgisrv -f
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -a 'check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion'
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -a '(__fish_complete_directories)'
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -s l -l listen -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l fastcgi -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l scgi -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -s w -l workers -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l admin -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l server-name -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l auth -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l tls
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l warm
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l open
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -s E -l setenv -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l body-size -x
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -s c -l config -rF
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -s h -l help
complete -c cgisrv -n 'not __fish_seen_subcommand_from check status reload upgrade reopen quit stop drain undrain exec passwd haproxy-config reference completion' -l version
complete -c cgisrv -n '__fish_seen_subcommand_from check' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from check' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from check' -l explain -x
complete -c cgisrv -n '__fish_seen_subcommand_from check' -l client -x
complete -c cgisrv -n '__fish_seen_subcommand_from check' -l method -x
complete -c cgisrv -n '__fish_seen_subcommand_from status' -l watch
complete -c cgisrv -n '__fish_seen_subcommand_from status' -l json
complete -c cgisrv -n '__fish_seen_subcommand_from status' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from status' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from status' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from status' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from reload' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from reload' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from reload' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from reload' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from reload' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from upgrade' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from upgrade' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from upgrade' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from upgrade' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from upgrade' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from reopen' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from reopen' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from reopen' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from reopen' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from reopen' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -l no-wait
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from quit' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -l no-wait
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from stop' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -l maintenance
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -l wait
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from drain' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from undrain' -l if-running
complete -c cgisrv -n '__fish_seen_subcommand_from undrain' -l pid -x
complete -c cgisrv -n '__fish_seen_subcommand_from undrain' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from undrain' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from undrain' -l socket -rF
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -s X -l method -x
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -s H -l header -x
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -l env
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -l raw
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -l json
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -l verify
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -s E -l setenv -x
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -l body-size -x
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from exec' -F
complete -c cgisrv -n '__fish_seen_subcommand_from passwd' -l delete
complete -c cgisrv -n '__fish_seen_subcommand_from passwd' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from passwd' -F
complete -c cgisrv -n '__fish_seen_subcommand_from haproxy-config' -s c -l config -rF
complete -c cgisrv -n '__fish_seen_subcommand_from haproxy-config' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from haproxy-config' -l address -x
complete -c cgisrv -n '__fish_seen_subcommand_from haproxy-config' -l name -x
complete -c cgisrv -n '__fish_seen_subcommand_from reference' -l scdoc
complete -c cgisrv -n '__fish_seen_subcommand_from reference' -s h -l help
complete -c cgisrv -n '__fish_seen_subcommand_from completion' -s h -l help

# Makes a zygote of a Perl program. Called before anything of the program, with the number of the
# slate (warm/wire.h), as
#
#   perl '-M5;BEGIN{(require"/folder/of/warm.pl")->(SLATE)}' [what the #! line says] /the/program
#
# or ->(SLATE,"Module",...), with modules that are loaded beforehand,
# with the folder free of what is special between double quotes. The program is compiled as its own
# main program; then fork() in an INIT block of ours, the first there is, makes the zygote of it
# (warm/shim), and returns in the process of each request. So $0, __FILE__, line numbers, lexicals,
# END blocks and exit codes are what they are anyway, and nothing of ours is on the stack.
#
# No other module is loaded here, strict and warnings neither: the program would find them loaded.
package Cgisrv::Warm;

delete $INC{+__FILE__};

my $slate;
my $watch;
my $learnt;  # called when what is loaded from now on is to be told

# ---- %ENV until the fork point: what is asked there is answered for all requests at once.

my $of_request = qr/^(?:HTTP_|REDIRECT_|REMOTE_|REQUEST_|SSL_CLIENT_|SCRIPT_(?:FILENAME|NAME|UR[IL])$
  |SERVER_(?:ADDR|ADMIN|NAME|PORT|PROTOCOL|SIGNATURE)$|PATH_(?:INFO|TRANSLATED)$
  |CONTENT_(?:LENGTH|TYPE)$|CONTEXT_(?:DOCUMENT_ROOT|PREFIX)$|DOCUMENT_(?:ROOT|URI)$
  |SSL_(?:CIPHER|PROTOCOL|TLS_SNI)$
  |AUTH_TYPE$|FCGI_ROLE$|GIT_PROTOCOL$|HTTPS$|QUERY_STRING$|UNIQUE_ID$)/x;

# What well-known modules ask for as they load, and make nothing of: CGI::Fast walks through all and
# drops what it finds; Mojolicious::Commands wants to know whether there is a PATH_INFO or a
# GATEWAY_INTERFACE, of which there always is the second. '*': all of it.
my %idle = ('CGI::Fast' => '*', 'Mojolicious::Commands' => 'PATH_INFO');

sub note { $watch->{reason} = $_[0] unless defined $watch->{reason} }

# What is asked for by the program: package, file and line.
sub asker {
  my ($depth, @frame) = 0;
  do { @frame = caller $depth++ } while @frame && $frame[0] eq __PACKAGE__;
  @frame;
}

sub note_asker {
  my ($does, $what) = @_;
  my ($package, $file, $line) = asker();
  return if ($idle{$package} || '') eq $what;
  note("It $does while it loads, before there is a request: $file line $line.");
}

sub asked {
  my $name = $_[0];
  note_asker("asks for $name", $name) if !exists $watch->{values}{$name} && $name =~ $of_request;
}

sub unwatch {
  local $SIG{__WARN__} = sub {};  # -W warns of what is meant here
  untie %ENV;
}

# Changes are made in the real one, too, for C and for other processes.
sub change {
  my ($set, $name, $value) = @_;
  unwatch();
  $set ? $ENV{$name} = $value : delete $ENV{$name};
  tie %ENV, __PACKAGE__;
}

sub TIEHASH { $watch }
sub FETCH { asked($_[1]); $_[0]{values}{$_[1]} }
sub EXISTS { asked($_[1]); exists $_[0]{values}{$_[1]} }
sub DELETE {
  my ($self, $name) = @_;
  change(0, $name);
  $self->{changed}{$name} = undef;
  delete $self->{values}{$name};
}
sub STORE {
  my ($self, $name, $value) = @_;
  $value = '' unless defined $value;
  $self->{values}{$name} = $self->{changed}{$name} = $value;
  change(1, $name, $value);
}
sub CLEAR {
  note_asker('clears its environment', 'to clear');
  DELETE($_[0], $_) for keys %{$_[0]{values}};
}
sub SCALAR { scalar %{$_[0]{values}} }
sub NEXTKEY { each %{$_[0]{values}} }
sub FIRSTKEY {
  note_asker('lists its environment', '*');
  keys %{$_[0]{values}};
  each %{$_[0]{values}};
}

# ---- the fork point

# The files of what has been loaded.
sub loaded {
  my $here = readlink '/proc/self/cwd';
  map { m{^/} ? $_ : "$here/$_" } grep { defined && !ref } values %INC;
}

sub take_request {
  my $bytes = '';
  1 while sysread $_[0], $bytes, 8192, length $bytes;
  my @strings = split /\0/, $bytes, -1;
  pop @strings;
  kill 'KILL', $$ unless @strings;  # never with the shim
  @ARGV = splice @strings, 0, shift @strings;
  # One by one: a list assigned would leave them tainted for good (perl -T).
  my $changed = $watch->{changed};
  %ENV = ();
  for (@strings) {
    my ($name, $value) = split /=/, $_, 2;
    $ENV{$name} = exists $changed->{$name} ? $changed->{$name} : $value;
  }
  delete @ENV{grep { !defined $changed->{$_} } keys %$changed};
}

sub become_zygote {
  unwatch();
  open my $handle, '+<&=', $slate or die "cgisrv: no slate: $!\n";
  binmode $handle;
  my @words = defined $watch->{reason} ? ('refused', $watch->{reason}) : ('ready', loaded());
  syswrite $handle, join '', map { "$_\0" } @words;
  my $pid = fork;
  kill 'KILL', $$ if !defined $pid || $pid;  # never with the shim
  take_request($handle);
  close $handle;
}

# What perl calls our subroutines once their package has gone would be seen, too.
sub forget {
  my $had = exists $main::{'__ANON__::'};
  delete $main::{'Cgisrv::'};
  delete $main::{'__ANON__::'} unless $had;
}

INIT {
  {
    local ($@, $!);
    become_zygote();
    $learnt->() if $learnt;
  }
  forget();
  $^T = time;
  srand;
}

# As "use Module ()" does. Nothing is imported: that is for the program to do.
sub load {
  my $module = $_[0];
  my $file = "$module.pm";
  $file =~ s{::}{/}g;
  local ($@, $!);
  return if eval { require $file };
  my ($why) = $@ =~ /^(.*)/;
  my $is_missing = $why =~ /^Can't locate \Q$file\E in \@INC/;
  $why =~ s/ \(you may need to install .*//;
  $why =~ s/ \(\@INC .*//;
  note("Its configuration has $module preloaded, which cannot be loaded"
    . ($is_missing ? " by $^X: $why; install it, or" : " before the program begins: $why;")
    . " take it out of that list.");
}

# What only cgisrv exec --verify needs, each request would have to copy.
sub learner {
  (my $part = __FILE__) =~ s/warm\.pl\z/warm_learn.pl/;
  my $learn = do $part or die "cgisrv: $part: ", $@ || $!, "\n";
  delete $INC{$part};
  $learn;
}

sub {
  die "cgisrv: the shim was not preloaded\n" if exists $ENV{CGISRV_WARM};  # it takes that away
  ($slate, my @modules) = @_;
  my $learn = delete $ENV{CGISRV_WARM_LEARN};
  $watch = bless {values => {%ENV}};
  tie %ENV, __PACKAGE__;
  return $learnt = learner()->($watch, $learn, @modules) if defined $learn;
  load($_) for @modules;
}

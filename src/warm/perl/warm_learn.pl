# Finds out which modules are worth to be preloaded, for cgisrv exec --verify. A part of warm.pl, as
#
#   (do "/folder/of/warm_learn.pl")->(WATCH, FILE, MODULE...)
#
# which loads the modules that leave nothing behind, and returns what is to be called at the fork
# point. FILE gets a line for each module: "kept", "bad", or "new", loaded by the request.
package Cgisrv::Warm;

# What is open that requests could not share.
sub held {
  opendir my $folder, '/proc/self/fd' or return '';
  join ' ', sort grep { defined && /:/ } map { readlink "/proc/self/fd/$_" } readdir $folder;
}

sub inform {
  my ($path, @lines) = @_;
  open my $file, '>>', $path or return;
  syswrite $file, join '', map { "$_\n" } @lines;
}

# Loads what is named as far as that leaves nothing behind but modules, and tells which these are.
sub propose {
  my ($watch, $path, @modules) = @_;
  for my $module (@modules) {
    (my $file = "$module.pm") =~ s{::}{/}g;
    next if exists $INC{$file};
    my %had = %INC;
    my $held = held();
    local ($@, $!);
    local $SIG{__WARN__} = sub { note('It warns.') };
    my $is_good = eval { require $file } && !defined $watch->{reason};
    delete $watch->{reason};
    return inform($path, "bad $module 0") if held() ne $held;
    if ($is_good) { inform($path, "kept $module 0") }
    else { exists $had{$_} or delete $INC{$_} for keys %INC }
  }
}

# Once the request is over: what it has loaded, in that order.
sub tell_at_end {
  my ($path, @order) = @_;
  unshift @INC, sub { push @order, $_[1]; return };
  my $end = sub {
    my @new = grep { defined $INC{$_} && m{^\w+(?:/\w+)*\.pm$} } @order;
    s{/}{::}g, s{\.pm$}{} for @new;
    open my $file, '>>', $path or return;
    syswrite $file, join '', map { "new $_ 0\n" } @new;
  };
  eval 'END { $end->() } 1' or die $@;
  sub { @order = () };
}

sub {
  propose(@_);
  tell_at_end($_[1]);
}

#include "warm/recipe.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "../temporary_directory.h"

namespace cgisrv::warm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RecipeTest : public testing::Test {
 protected:
  RecipeTest() {
    for (const char* name : {"libcgisrv-warm.so", "warm.pl", "warm_learn.pl", "warm.py",
                             "warm_load.py", "warm_end.py", "warm_learn.py"})
      directory.file(std::string("lib/") + name);
    program.file = directory.path() + "/program";
    program.variables = {{"PATH", bin}};
    for (const auto& [name, target] :
         {std::pair("perl", "/usr/bin/perl"),
          std::pair("perl5.36-x86_64-linux-gnu", "/usr/bin/perl"),
          std::pair("python3", "/usr/bin/python3"), std::pair("python3.11", "/usr/bin/python3"),
          std::pair("python", "/usr/bin/python3"), std::pair("dash", "/bin/sh"),
          std::pair("mine", "/usr/bin/perl")})
      std::filesystem::create_symlink(target, bin + "/" + name);
  }

  std::expected<Recipe, WhyCold> make() { return make_recipe(program, options, library); }
  std::expected<Recipe, WhyCold> make(const std::string& first_line) {
    directory.file("program", 0755, with_names(first_line) + "\nprint 1\n");
    return make();
  }
  std::string why_not(const std::string& first_line) {
    const auto made = make(first_line);
    return made ? "" : made.error().why;
  }
  // %bin, %lib and %file: ours.
  std::string with_names(std::string text) const {
    for (const auto& [name, value] :
         {std::pair("%bin", bin), std::pair("%lib", library), std::pair("%file", program.file)})
      for (std::size_t at = 0; (at = text.find(name)) != text.npos;)
        text.replace(at, std::string_view(name).size(), value);
    return text;
  }

  TemporaryDirectory directory;
  std::string bin = directory.directory("bin");
  std::string library = directory.directory("lib");
  WarmProgram program;
  Options options;
};

struct Line {
  const char* name;
  const char* first_line;
  const char* executable;
  const char* argv;  // with " | " between
};

class EachLine : public RecipeTest, public testing::WithParamInterface<Line> {};

TEST_P(EachLine, IsStartedBy) {
  const auto recipe = make(GetParam().first_line);
  ASSERT_TRUE(recipe) << recipe.error().why;
  EXPECT_EQ(recipe->executable, with_names(GetParam().executable));
  std::string argv;
  for (const auto& argument : recipe->argv)
    argv.append(argv.empty() ? "" : " | ").append(argument);
  EXPECT_EQ(argv, with_names(GetParam().argv));
  EXPECT_THAT(recipe->environment, Contains("CGISRV_WARM=fork"));
  EXPECT_THAT(recipe->environment, Not(Contains(StartsWith("LD_BIND_NOW"))));
}

#define LOAD "-M5;BEGIN{(require\"%lib/warm.pl\")->(201)}"
#define BOOT "%lib/warm.py | 201 | standard | quick"

INSTANTIATE_TEST_SUITE_P(
    Warm, EachLine,
    testing::Values(
        Line{"Perl", "#!/usr/bin/perl", "/usr/bin/perl", "/usr/bin/perl | " LOAD " | %file"},
        Line{"PerlWithOptions", "#! /usr/bin/perl -T -w ", "/usr/bin/perl",
             "/usr/bin/perl | " LOAD " | -T -w | %file"},
        Line{"PerlWithValues", "#!/usr/bin/perl -wCSD -I/srv/lib -F:", "/usr/bin/perl",
             "/usr/bin/perl | " LOAD " | -wCSD -I/srv/lib -F: | %file"},
        Line{"PerlByVersion", "#!%bin/perl5.36-x86_64-linux-gnu", "%bin/perl5.36-x86_64-linux-gnu",
             "%bin/perl5.36-x86_64-linux-gnu | " LOAD " | %file"},
        Line{"EnvPerl", "#!/usr/bin/env perl", "%bin/perl", "perl | " LOAD " | %file"},
        Line{"EnvSplitsPerl", "#!/usr/bin/env -S perl -w  -T", "%bin/perl",
             "perl | " LOAD " | -w | -T | %file"},
        Line{"Python", "#!/usr/bin/python3", "/usr/bin/python3",
             "/usr/bin/python3 | " BOOT " | %file"},
        Line{"PythonWithOptions", "#!/usr/bin/python3 -uBIWignore", "/usr/bin/python3",
             "/usr/bin/python3 | -uBIWignore | " BOOT " | %file"},
        Line{"PythonByVersion", "#!%bin/python3.11", "%bin/python3.11",
             "%bin/python3.11 | " BOOT " | %file"},
        Line{"PythonOfAVirtualEnvironment", "#!%bin/python", "%bin/python",
             "%bin/python | " BOOT " | %file"},
        Line{"EnvPython", "#!/usr/bin/env python3", "%bin/python3", "python3 | " BOOT " | %file"},
        Line{"EnvSplitsPython", "#!/bin/env -Spython3 -u -Xutf8", "%bin/python3",
             "python3 | -u | -Xutf8 | " BOOT " | %file"},
        Line{"EnvWithAPath", "#!/usr/bin/env %bin/python3", "%bin/python3",
             "%bin/python3 | " BOOT " | %file"}),
    [](const auto& each) { return each.param.name; });

struct Refusal {
  const char* name;
  const char* first_line;
  const char* why;
};

class EachRefusal : public RecipeTest, public testing::WithParamInterface<Refusal> {};

TEST_P(EachRefusal, SaysWhy) {
  const std::string why = why_not(GetParam().first_line);
  EXPECT_THAT(why, HasSubstr(with_names(GetParam().why)));
  EXPECT_TRUE(why.starts_with("It") && why.ends_with('.')) << why;
}

INSTANTIATE_TEST_SUITE_P(
    Warm, EachRefusal,
    testing::Values(
        Refusal{"Shell", "#!/bin/sh -e",
                "It is run by /bin/sh: a shell is not what takes the time"},
        Refusal{"ShellByEnv", "#!/usr/bin/env dash", "It is run by dash: a shell is not"},
        Refusal{"ShellByVersion", "#!/opt/bash5.2", "a shell is not"},
        Refusal{"Php", "#!/usr/bin/php-cgi8.2", "FastCGI"},
        Refusal{"Node", "#!/usr/bin/node", "threads"},
        Refusal{"Java", "#!/usr/bin/java --source 21", "threads"},
        Refusal{"Ruby", "#!/usr/bin/ruby3.1", "only Perl, Python 3 and native programs"},
        Refusal{"Python2", "#!/usr/bin/python2.7", "only Perl, Python 3 and native programs"},
        Refusal{"NameOfItsOwn", "#!%bin/mine", "only Perl, Python 3 and native programs"},
        Refusal{"Perldoc", "#!/usr/bin/perldoc", "only Perl, Python 3 and native programs"},
        Refusal{"PythonConfig", "#!/usr/bin/python3-config", "only Perl, Python 3"},
        Refusal{"Missing", "#!/opt/none/perl", "Its interpreter /opt/none/perl cannot be read"},
        Refusal{"Relative", "#!perl", "no absolute path"},
        Refusal{"RelativeEnv", "#!env perl", "no absolute path"},
        Refusal{"RelativeByEnv", "#!/usr/bin/env bin/perl", "look for 'bin/perl', which is not in"},
        Refusal{"NotInPath", "#!/usr/bin/env perl6", "look for 'perl6', which is not in %bin"},
        Refusal{"EnvWithoutName", "#!/usr/bin/env", "look for '', which"},
        Refusal{"EnvThatDoesNotSplit", "#!/usr/bin/env perl -w", "look for 'perl -w', which"},
        Refusal{"EnvSetsAVariable", "#!/usr/bin/env -S A=1 perl", "do more than look"},
        Refusal{"EnvClears", "#!/usr/bin/env -i perl", "do more than look"},
        Refusal{"EnvTellsMore", "#!/usr/bin/env -vS perl -w", "do more than look"},
        Refusal{"EnvQuotes", "#!/usr/bin/env -S perl '-w'", "do more than look"},
        Refusal{"EnvExpands", "#!/usr/bin/env -S perl ${A}", "do more than look"},
        Refusal{"WindowsLineEnd", "#!/usr/bin/perl\r", "CR LF"},
        Refusal{"NoFirstLine", "use strict;", "It is neither a binary nor a script"},
        Refusal{"PerlOneLiner", "#!/usr/bin/perl -e1", "gives perl '-e1'"},
        Refusal{"PerlCheck", "#!/usr/bin/perl -wc", "gives perl '-wc'"},
        Refusal{"PerlModule", "#!/usr/bin/perl -Mstrict", "gives perl '-Mstrict'"},
        Refusal{"PerlOtherFile", "#!/usr/bin/perl -w other", "gives perl '-w other'"},
        Refusal{"PerlOptionWithoutValue", "#!/usr/bin/perl -I", "gives perl '-I'"},
        Refusal{"PythonModule", "#!/usr/bin/python3 -mcgi", "gives python3 '-mcgi'"},
        Refusal{"PythonCommand", "#!/usr/bin/python3 -uc1", "gives python3 '-uc1'"},
        Refusal{"PythonInteractive", "#!/usr/bin/python3 -i", "gives python3 '-i'"},
        Refusal{"PythonSkipsALine", "#!/usr/bin/python3 -x", "gives python3 '-x'"},
        Refusal{"PythonTwoInOne", "#!/usr/bin/python3 -u -B", "gives python3 '-u -B'"},
        Refusal{"PythonLong", "#!/usr/bin/python3 --help-all", "gives python3 '--help-all'"},
        Refusal{"PythonOptionWithoutValue", "#!/usr/bin/env -S python3 -W ignore", "'-W'"}),
    [](const auto& each) { return each.param.name; });

TEST_F(RecipeTest, ConfiguredInterpreterCountsAndNotTheFirstLine) {
  program.interpreter = "/usr/bin/perl";
  directory.file("program", 0644, "#!/bin/sh -e\n");
  const auto recipe = make();
  ASSERT_TRUE(recipe) << recipe.error().why;
  EXPECT_EQ(recipe->executable, "/usr/bin/perl");
  EXPECT_THAT(recipe->argv, ElementsAre("/usr/bin/perl", with_names(LOAD), program.file));
  program.interpreter = "/usr/bin/php-cgi";
  EXPECT_THAT(make().error().why, HasSubstr("FastCGI"));
}

TEST_F(RecipeTest, AWrapperIsNoInterpreter) {
  directory.file("perl", 0755, "#!/bin/sh\nexec /usr/bin/perl \"$@\"\n");
  EXPECT_THAT(why_not("#!" + directory.path() + "/perl"), HasSubstr("/perl is itself a script"));
}

TEST_F(RecipeTest, Native) {
  std::filesystem::copy_file("/usr/bin/env", program.file);
  const auto recipe = make();
  ASSERT_TRUE(recipe) << recipe.error().why;
  EXPECT_EQ(recipe->executable, program.file);
  EXPECT_THAT(recipe->argv, ElementsAre(program.file));
  EXPECT_THAT(recipe->environment, Contains("CGISRV_WARM=main"));
  EXPECT_THAT(recipe->environment, Contains("LD_BIND_NOW=1"));
}

TEST_F(RecipeTest, NativeThatCannotBePreloaded) {
  std::filesystem::copy_file("/usr/bin/env", program.file);
  ASSERT_EQ(::chmod(program.file.c_str(), 04755), 0);
  EXPECT_EQ(make().error().why,
            "It is setuid, and nothing is preloaded into what gains privileges.");
}

TEST_F(RecipeTest, PhpAsAProgram) {
  const auto php = directory.path() + "/php-cgi8.2";
  std::filesystem::copy_file("/usr/bin/env", php);
  std::filesystem::create_symlink(php, program.file);
  EXPECT_THAT(make().error().why, HasSubstr("It is PHP: "));
}

TEST_F(RecipeTest, WhatMayNotBeExecuted) {
  directory.file("program", 0644, "#!/usr/bin/perl\n");
  EXPECT_THAT(make().error().why, HasSubstr("not executable"));
  program.file = directory.path() + "/none";
  EXPECT_THAT(make().error().why, HasSubstr("not executable"));
}

TEST_F(RecipeTest, Options) {
  const auto last = [this](Options::Preload::Imports imports, Options::Finalize finalize) {
    options.preload.imports = imports;
    options.finalize = finalize;
    const auto argv = make("#!/usr/bin/python3")->argv;
    return argv.at(3) + " " + argv.at(4);
  };
  using enum Options::Preload::Imports;
  using enum Options::Finalize;
  EXPECT_EQ(last(standard, quick), "standard quick");
  EXPECT_EQ(last(all, quick), "all quick");
  EXPECT_EQ(last(none, full), "none full");
  options.preload.modules = {"json", "own.models"};
  EXPECT_EQ(last(standard, quick), "standard,json,own.models quick");
}

TEST_F(RecipeTest, PerlIsGivenTheModulesToLoad) {
  options.preload.modules = {"POSIX", "Data::Dumper"};
  EXPECT_THAT(make("#!/usr/bin/perl")->argv.at(1),
              HasSubstr("->(201,\"POSIX\",\"Data::Dumper\")}"));
}

// ---- the environment

TEST_F(RecipeTest, WhatIsTheSameForAllRequests) {
  program.variables = {{"B", "1"}, {"A", "x=y"}, {"B", "2"}};
  program.root = "/srv";
  EXPECT_THAT(
      make("#!/usr/bin/perl")->environment,
      ElementsAre("A=x=y", "B=2", "CGISRV_WARM=fork", "CGISRV_WARM_WAITING=1", "DOCUMENT_ROOT=/srv",
                  "GATEWAY_INTERFACE=CGI/1.1", with_names("LD_PRELOAD=%lib/libcgisrv-warm.so"),
                  "PATH=/usr/local/bin:/usr/bin:/bin", "REDIRECT_STATUS=200",
                  "SCRIPT_FILENAME=" + program.file, "SERVER_SOFTWARE=cgisrv/" CGISRV_VERSION));
}

TEST_F(RecipeTest, InterpretersWaitUnlessToldOtherwise) {
  EXPECT_THAT(make("#!/usr/bin/python3")->environment, Contains("CGISRV_WARM_WAITING=1"));
  program.file = "/usr/bin/env";
  EXPECT_THAT(make_recipe(program, options, "/lib")->environment,
              Contains("CGISRV_WARM_WAITING=0"));
  options.waiting = 3;
  EXPECT_THAT(make_recipe(program, options, "/lib")->environment,
              Contains("CGISRV_WARM_WAITING=3"));
}

TEST_F(RecipeTest, WhatARequestBringsIsNotAmongIt) {
  program.variables = {{"HTTPS", "on"},          {"HTTP_X", "1"},    {"PATH_INFO", "/"},
                       {"REDIRECT_STATUS", "1"}, {"UNIQUE_ID", "1"}, {"DOCUMENT_ROOT", "/x"},
                       {"SCRIPT_FILENAME", "/"}, {"", "1"},          {"A=B", "1"},
                       {"N", std::string(1, 0)}, {"HTTP", "kept"}};
  const auto environment = make("#!/usr/bin/perl")->environment;
  EXPECT_EQ(environment.size(), 9U) << testing::PrintToString(environment);
  EXPECT_THAT(environment, Contains("HTTP=kept"));
  EXPECT_THAT(environment, Contains("REDIRECT_STATUS=200"));
  EXPECT_THAT(environment, Contains("SCRIPT_FILENAME=" + program.file));
}

TEST_F(RecipeTest, TheProgramsOwnPreloadComesBehind) {
  program.variables.emplace_back("LD_PRELOAD", "/a.so:/b.so");
  EXPECT_THAT(make("#!/usr/bin/perl")->environment,
              Contains(with_names("LD_PRELOAD=%lib/libcgisrv-warm.so:/a.so:/b.so")));
}

TEST_F(RecipeTest, NamesThatTheServerNeeds) {
  program.variables.emplace_back("CGISRV_WARM_CHANNEL", "3");
  EXPECT_THAT(why_not("#!/usr/bin/perl"), HasSubstr("sets CGISRV_WARM_CHANNEL"));
}

// ---- the library

TEST_F(RecipeTest, NamesOfFoldersThatLoaderOrPerlMistake) {
  for (const char* name : {"a b", "a:b", "a$b", "a@b", "a\"b", "a\\b", "a\nb"}) {
    library = directory.directory(name);
    EXPECT_THAT(why_not("#!/usr/bin/perl"), HasSubstr("install the server elsewhere")) << name;
  }
  library = directory.directory("a'b-c.d~é");
  EXPECT_EQ(why_not("#!/usr/bin/perl"), "");
  library = "lib";
  EXPECT_THAT(why_not("#!/usr/bin/perl"), HasSubstr("install the server elsewhere"));
  library = "";
  EXPECT_THAT(why_not("#!/usr/bin/perl"), HasSubstr("neither beside the server nor in"));
}

TEST_F(RecipeTest, TheLibraryIsBesideTheServerOrInItsLib) {
  const auto put = [this](const std::string& folder) {
    directory.directory(folder);
    for (const char* name : {"libcgisrv-warm.so", "warm.pl", "warm_learn.pl", "warm.py",
                             "warm_load.py", "warm_end.py", "warm_learn.py"})
      directory.file(folder + "/" + name);
    return directory.path() + "/" + folder;
  };
  const auto exe = directory.path() + "/exe";  // as /proc/self/exe is a link
  std::filesystem::create_symlink(directory.file("usr/bin/cgisrv", 0755), exe);
  EXPECT_EQ(find_library(exe), "");
  const auto installed = put("usr/lib/cgisrv");
  EXPECT_EQ(find_library(exe), installed);
  const auto beside = put("usr/bin");
  EXPECT_EQ(find_library(exe), beside);
  for (const char* name : {"/libcgisrv-warm.so", "/warm.pl", "/warm_learn.pl", "/warm.py",
                           "/warm_load.py", "/warm_end.py", "/warm_learn.py"}) {
    put("usr/bin");
    std::filesystem::remove(beside + name);
    EXPECT_EQ(find_library(exe), installed) << name;
  }
  EXPECT_EQ(find_library(directory.path() + "/none"), "");
}

}  // namespace
}  // namespace cgisrv::warm

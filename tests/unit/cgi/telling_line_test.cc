#include "cgi/telling_line.h"

#include <gtest/gtest.h>

#include <string>

namespace cgisrv::cgi {
namespace {

// Fault 19.
TEST(TellingLine, IsTheErrorAndNotWhatFollowsFromIt) {
  struct Case {
    const char* name;
    std::string text;
    const char* line;
  };
  const Case cases[] = {
      {"one line", "no such table: users\n", "no such table: users"},
      {"the last of several", "warning\nerror\n\n", "error"},
      {"without its end", "error", "error"},
      {"Perl, a module that is missing",
       "Can't locate Foo.pm in @INC (you may need to install the Foo module) at x.pl line 2.\n"
       "BEGIN failed--compilation aborted at x.pl line 2.\n",
       "Can't locate Foo.pm in @INC (you may need to install the Foo module) at x.pl line 2."},
      {"Perl, in a module",
       "Can't locate Bar.pm in @INC at Foo.pm line 1.\nBEGIN failed--compilation aborted at Foo.pm "
       "line 1.\nCompilation failed in require at x.pl line 2.\nBEGIN failed--compilation aborted "
       "at "
       "x.pl line 2.\n",
       "Can't locate Bar.pm in @INC at Foo.pm line 1."},
      {"Perl, a mistake of syntax",
       "syntax error at x.pl line 3, near \"}\"\nExecution of x.pl aborted due to compilation "
       "errors.\n",
       "syntax error at x.pl line 3, near \"}\""},
      {"Python", "Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError: boom\n",
       "ValueError: boom"},
      {"Ruby",
       "x.rb:3:in `require': cannot load such file -- foo (LoadError)\n\tfrom x.rb:3:in `<main>'\n",
       "x.rb:3:in `require': cannot load such file -- foo (LoadError)"},
      {"Node.js",
       "node:internal/modules/cjs/loader:1143\n  throw err;\n  ^\n\nError: Cannot find module 'x'\n"
       "Require stack:\n- /srv/x.js\n    at Module._load (node:internal)\n  code: "
       "'MODULE_NOT_FOUND',\n}\n\nNode.js v18.19.0\n",
       "Error: Cannot find module 'x'"},
      {"PHP",
       "PHP Fatal error:  Uncaught Exception: boom in /x.php:2\nStack trace:\n#0 {main}\n  thrown "
       "in "
       "/x.php on line 2\n",
       "PHP Fatal error:  Uncaught Exception: boom in /x.php:2"},
      {"Lua", "lua: x.lua:1: boom\nstack traceback:\n\t[C]: in function 'error'\n",
       "lua: x.lua:1: boom"},
      {"Python, a warning after the error",
       "boom\nx.py:2: DeprecationWarning: 'cgi' is deprecated\n  import cgi\n", "boom"},
      {"Python, a warning alone", "x.py:2: DeprecationWarning: 'cgi' is deprecated\n  import cgi\n",
       ""},
      {"Python, a warning that is an error",
       "Traceback (most recent call last):\n  File \"x.py\", line 1\nDeprecationWarning: gone\n",
       "DeprecationWarning: gone"},
      {"Python at its end", "boom\nsys:1: ResourceWarning: unclosed file\n", "boom"},
      {"Ruby, a warning", "boom\nx.rb:3: warning: already initialized constant A\n", "boom"},
      {"Node.js, a warning",
       "Error: boom\n(node:7) [DEP0005] DeprecationWarning: Buffer() is deprecated\n"
       "(Use `node --trace-deprecation ...` to show where the warning was created)\n",
       "Error: boom"},
      {"a warning of the program's own", "error: warning: x\n", "error: warning: x"},
      {"nothing else", "  indented\n", "indented"},
      {"nothing", "", ""},
      {"empty lines", "\n\n", ""},
  };
  for (const Case& one : cases)
    EXPECT_EQ(telling_line(one.text), one.line) << one.name;
}

TEST(TellingWords, LeaveOutTheFoldersThatPerlSearched) {
  const std::string folders(400, 'x');
  const std::string missing =
      "Can't locate Foo.pm in @INC (you may need to install the Foo module)";
  const std::string place = " at /srv/x.pl line 2.";
  for (const char* const list : {" (@INC entries checked: ", " (@INC contains: "})
    EXPECT_EQ(telling_words(missing + list + folders + ")" + place + "\nBEGIN failed--x\n"),
              missing + place);
  EXPECT_EQ(telling_words(missing + place), missing + place);
  EXPECT_EQ(telling_words("a (@INC b) at c"), "a (@INC b) at c");
}

}  // namespace
}  // namespace cgisrv::cgi

// The server's time as a page: a small CGI program in C.
#include <stdio.h>
#include <time.h>

int main(void) {
  char text[sizeof "2026-11-23 14:03:09"];
  const time_t now = time(NULL);
  const struct tm* local = localtime(&now);
  if (local == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", local) == 0) {
    fputs("now: the clock holds a time that has no date\n", stderr);
    return 1;
  }
  // The header, the empty line that ends it, and the page.
  printf(
      "Content-Type: text/html; charset=utf-8\n"
      "Cache-Control: no-store\n"
      "\n"
      "<!doctype html>\n"
      "<html lang=\"zh\">\n"
      "<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>当前服务器时间</title>\n"
      "<link rel=\"stylesheet\" href=\"/style.css\">\n"
      "<main>\n"
      "<h1 style=\"color: green; text-decoration: underline\">当前服务器时间:%s</h1>\n"
      "<footer><p><a href=\"/\">首页</a></p></footer>\n"
      "</main>\n",
      text);
  return 0;
}

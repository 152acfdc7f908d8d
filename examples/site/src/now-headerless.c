// The page of now.c without a CGI header, as programs print it that were written for servers where
// standard output is the client's socket. Served plainly this is a 502; a location that sets
//
//     headerless = "text/html; charset=utf-8"
//
// takes the page as it is.
#include <stdio.h>
#include <time.h>

int main(void) {
  char text[sizeof "2026-11-23 14:03:09"];
  const time_t now = time(NULL);
  const struct tm* local = localtime(&now);
  if (local == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", local) == 0) return 1;
  printf(
      "<!doctype html>\n"
      "<html lang=\"zh\">\n"
      "<meta charset=\"utf-8\">\n"
      "<title>当前服务器时间</title>\n"
      "<link rel=\"stylesheet\" href=\"/style.css\">\n"
      "<main><h1 style=\"color: green; text-decoration: "
      "underline\">当前服务器时间:%s</h1></main>\n",
      text);
  return 0;
}

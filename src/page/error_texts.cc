#include "page/error_texts.h"

#include <algorithm>
#include <array>

namespace cgisrv::page {
namespace {

constexpr auto texts = std::to_array<ErrorText>({
    {400, "The server could not read this request.",
     "Check the address for stray characters; if a program sent the request, look at what it puts "
     "on "
     "the wire."},
    {401, "This page needs a name and a password.",
     "Load it again and sign in. If yours are not accepted, ask whoever runs this site."},
    {403, "This page is not for you to see.",
     "If it should be, ask whoever runs this site: the server's log says what stands in the way."},
    {404, "There is nothing at this address.", "Check its spelling, upper and lower case too."},
    {405, "This address does not take that kind of request.",
     "Use one of the methods that the Allow field of this answer names."},
    {408, "The request did not arrive in time.", "Check the connection, then send it again."},
    {411, "The request does not say how long its body is.", "Send it again with a Content-Length."},
    {412, "What you wanted to change has changed meanwhile.",
     "Load it afresh, then make your change again."},
    {413, "What you sent is larger than this address takes.",
     "Send less at once, or ask whoever runs this server to raise the limit."},
    {414, "The address is too long.",
     "Shorten it. What a form holds belongs in the body of a POST, not in the address."},
    {416, "The file has no such part.",
     "Ask for a part within the size that Content-Range gives, or for the whole file."},
    {417, "The request expects something that this server does not do.",
     "Send it again without its Expect field, or with 100-continue there."},
    {421, "This server does not answer for that address on this connection.",
     "Check the address: https needs a port of its own, and a host name may lead elsewhere."},
    {429, "There were too many wrong passwords from your address.",
     "Wait as long as this page says, then try again with the right one."},
    {431, "The header of the request is too large.",
     "Often cookies have piled up: clear those of this site and try again."},
    {500, "The server failed at this request.",
     "Try again in a moment. If it stays so, tell whoever runs this server the request id."},
    {501, "The server does not know how to do this.",
     "Check the method of the request and its Transfer-Encoding: one of them is unknown here."},
    {502, "The program behind this page failed.",
     "Try again. If it stays so, tell whoever runs this site the request id: the server's log has "
     "the reason beside it."},
    {503, "The server has all the work it can take.", "Wait a little, then load the page again."},
    {504, "The program behind this page took too long.",
     "Try again later or ask for less at once. If it stays so, tell whoever runs this site the "
     "request id."},
    {505, "This server does not speak that version of HTTP.", "Send the request as HTTP/1.1."},
});

constexpr ErrorText other_client_error{
    400, "The server cannot answer this request as it was sent.",
    "Check what was sent, then try again. If it stays so, tell whoever runs this server the "
    "request id."};

}  // namespace

const ErrorText& error_text(int status) {
  const auto row = std::ranges::find(texts, status, &ErrorText::status);
  if (row != texts.end()) return *row;
  return status < 500 ? other_client_error : error_text(500);
}

}  // namespace cgisrv::page

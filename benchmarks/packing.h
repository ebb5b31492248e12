/* What requests hold and what answers hold, packed as gzip or not: a part of server.c. */
#include <zlib.h>

enum { FROM_GZIP = 1000 }; /* bytes, as in tenant.py */
enum { WINDOW = 15 + 16 }; /* the largest, as gzip: as zlib wants to be told */

/* Unpacks what a request holds, where it is packed; NULL for what is too long or broken. */
static const char *content_of(const char *head, const char *packed, int length) {
  static char text[ROOM];
  static z_stream stream;
  if (!strcasestr(head, "\r\ncontent-encoding: gzip")) {
    memcpy(text, packed, length);
    text[length] = 0;
    return text;
  }
  if (stream.state ? inflateReset(&stream) : inflateInit2(&stream, WINDOW)) fail("inflate");
  stream.next_in = (unsigned char *)packed, stream.avail_in = length;
  stream.next_out = (unsigned char *)text, stream.avail_out = ROOM - 1;
  if (inflate(&stream, Z_FINISH) != Z_STREAM_END) return NULL;
  text[ROOM - 1 - stream.avail_out] = 0;
  return text;
}

/* Keeps an answer until it is due, packed as Zuora does. */
static struct body kept(const char *text) {
  static z_stream stream;
  int length = strlen(text), room = length + 1024;
  char *out = malloc(room);
  if (!out) fail("malloc");
  if (length <= FROM_GZIP) return (struct body){length, 0, 0, NULL, memcpy(out, text, length)};
  if (stream.state ? deflateReset(&stream) : deflateInit2(&stream, 1, Z_DEFLATED, WINDOW, 8, 0))
    fail("deflate");
  stream.next_in = (unsigned char *)text, stream.avail_in = length;
  stream.next_out = (unsigned char *)out, stream.avail_out = room;
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) fail("deflate");
  return (struct body){room - stream.avail_out, 1, 0, NULL, out};
}

/* A tenant that costs next to nothing: one thread, keep-alive, answers made in advance.

   server ANSWERS MEAN_MS SIGMA CORE

   It listens on a free port of the loopback, prints it, and ends when its standard input does.
   ANSWERS holds one body after the other, each behind four bytes of length (the lowest first), one
   that is 1 where the body is gzip, one that counts its invoices, and the 16 bytes of each one's
   ID. A generate call gets the next of them, and questions are answered by what was billed so far;
   after the last answer the first is given again, and no longer remembered. A token is given at
   once. Any other answer takes MEAN_MS on average: always the same with a
   SIGMA of 0, else log-normal. GET /log gives what came and forgets it: for each request four
   doubles, when it arrived and was answered by CLOCK_MONOTONIC, what delay was meant, and what it
   was (0 generate, 1 question, 2 token). CORE below 0 leaves the choice of the core to the system.
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, ROOM = 1 << 16, MOST_LOGGED = 1 << 22, LIFETIME = 4 * 3600 };
enum kind { GENERATE, QUESTION, TOKEN, LOG, OTHER };

struct entry { double arrived, answered, delay, kind; };
struct connection { int open, generation, length; char *buffer; };
struct body { int length, gzip, count; const unsigned char *ids; const char *text; };
struct pending { double due; int fd, generation; struct entry entry; struct body body; char track[80]; };

static struct connection connections[CONNECTIONS];
static struct pending heap[CONNECTIONS];
static int waiting;
static struct entry *entries;
static long logged;
static struct body *bodies;
static long body_count, next_body;
static double mean, sigma;
static uint64_t chance = 88172645463325252u;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  perror(what);
  exit(2);
}

#include "invoices.h"
#include "packing.h"

static double uniform(void) { /* xorshift: the same delays each time */
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return ((chance >> 11) + 0.5) / 9007199254740992.0;
}

static double drawn_delay(void) {
  if (sigma == 0) return mean;
  double normal = sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
  return mean * exp(sigma * normal - sigma * sigma / 2); /* so that the mean is the mean */
}

static void read_bodies(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  long size = ftell(file), room = 0, ids = 0;
  char *all = malloc(size);
  rewind(file);
  if (!all || fread(all, 1, size, file) != (size_t)size) fail(path);
  fclose(file);
  for (long at = 0; at + 6 <= size;) {
    unsigned char *head = (unsigned char *)all + at;
    int length = head[0] | head[1] << 8 | head[2] << 16 | head[3] << 24, count = head[5];
    if (body_count == room) bodies = realloc(bodies, (room += 4096) * sizeof *bodies);
    char *text = all + at + 6 + count * ID;
    bodies[body_count++] = (struct body){length, head[4], count, head + 6, text};
    at += 6 + count * ID + length;
    ids += count;
  }
  if (!body_count) { fprintf(stderr, "%s holds no answers\n", path); exit(2); }
  make_room(ids);
}

static void drop(int fd) {
  connections[fd].open = connections[fd].length = 0;
  connections[fd].generation++;
  close(fd);
}

static void put(int fd, const char *data, long length) { /* small answers fit what the system takes */
  while (length > 0) {
    long done = write(fd, data, length);
    if (done < 0 && errno == EAGAIN) { usleep(200); continue; }
    if (done <= 0) { drop(fd); return; }
    data += done;
    length -= done;
  }
}

static const char *date(void) {
  static char text[40];
  static time_t of;
  time_t t = time(NULL);
  struct tm parts;
  if (t != of) strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &parts));
  of = t;
  return text;
}

/* Bills or looks, as a request wants it, and gives what is to be answered: nothing to nonsense. */
static struct body executed(enum kind kind, const char *content) {
  static const char TOKEN_GIVEN[] =
      "{\"access_token\":\"a-token-of-the-bench\",\"token_type\":\"bearer\",\"expires_in\":3599}";
  struct body none = {0};
  if (kind == TOKEN) return kept(TOKEN_GIVEN);
  if (!content) return none;
  if (kind == QUESTION) {
    const char *text = shown_to(content);
    return text ? kept(text) : none;
  }
  struct body next = bodies[next_body++ % body_count];
  return bill(content, next.ids, next.count) ? next : none;
}

static void answer(const struct pending *one) {
  static char out[ROOM];
  static long served;
  struct entry entry = one->entry;
  int head = snprintf(out, sizeof out,
      "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json;charset=utf-8\r\n"
      "Content-Length: %d\r\n%sConnection: keep-alive\r\nServer: Zuora App\r\n"
      "Zuora-Request-Id: 01f5b2c4-0000-4000-8000-%012lx\r\nZuora-Track-Id: %s\r\n"
      "RateLimit-Limit: 60000000, 60000000;w=60\r\nRateLimit-Remaining: 59999999\r\n"
      "RateLimit-Reset: 41\r\nConcurrency-Limit-Type: default\r\nConcurrency-Limit-Limit: 40\r\n"
      "Concurrency-Limit-Remaining: %d\r\nCache-Control: no-cache, no-store\r\n"
      "Vary: Accept-Encoding\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
      "X-Content-Type-Options: nosniff\r\n\r\n",
      date(), one->body.length, one->body.gzip ? "Content-Encoding: gzip\r\n" : "", ++served,
      one->track, waiting < 40 ? 40 - waiting : 0);
  int rest = (int)sizeof out - head, first = one->body.length < rest ? one->body.length : rest;
  memcpy(out + head, one->body.text, first);
  entry.answered = now();
  put(one->fd, out, head + first);
  if (connections[one->fd].open && one->body.length > first)
    put(one->fd, one->body.text + first, one->body.length - first);
  if (logged < MOST_LOGGED) entries[logged++] = entry;
}

static void end(struct pending *one) { /* answers it if anybody is still there */
  if (connections[one->fd].generation == one->generation) answer(one);
  if (one->entry.kind != GENERATE) free((char *)one->body.text);
}

static void give_log(int fd) {
  char head[128];
  long size = logged * (long)sizeof *entries;
  put(fd, head, snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", size));
  if (connections[fd].open) put(fd, (char *)entries, size);
  logged = 0;
}

static void hold(struct pending one) { /* into the heap, the earliest first */
  int at = waiting++;
  for (; at && heap[(at - 1) / 2].due > one.due; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = one;
}

static struct pending earliest(void) {
  struct pending first = heap[0], last = heap[--waiting];
  int at = 0;
  for (int below; (below = 2 * at + 1) < waiting; at = below) {
    if (below + 1 < waiting && heap[below + 1].due < heap[below].due) below++;
    if (heap[below].due >= last.due) break;
    heap[at] = heap[below];
  }
  heap[at] = last;
  return first;
}

static enum kind kind_of(const char *head) {
  if (!strncmp(head, "POST /v1/action/generate", 24)) return GENERATE;
  if (!strncmp(head, "POST /v1/action/query", 21)) return QUESTION;
  if (!strncmp(head, "POST /oauth/token", 17)) return TOKEN;
  return strncmp(head, "GET /log", 8) ? OTHER : LOG;
}

/* `head` ends with a zero, and of the content there are so many bytes. */
static void take_request(int fd, const char *head, const char *content, int length) {
  double arrived = now();
  struct pending one = {.fd = fd, .generation = connections[fd].generation, .track = "none"};
  enum kind kind = kind_of(head);
  if (kind == LOG) { give_log(fd); return; }
  if (kind == OTHER) { drop(fd); return; }
  one.body = executed(kind, kind == TOKEN ? NULL : content_of(head, content, length));
  if (!one.body.text) { drop(fd); return; }
  char *track = strcasestr(head, "\r\nzuora-track-id: ");
  if (track) sscanf(track + 18, "%79[^\r]", one.track);
  one.entry = (struct entry){arrived, 0, kind == TOKEN ? 0 : drawn_delay(), kind};
  one.due = one.entry.arrived + one.entry.delay;
  if (one.entry.delay > 0 && waiting < CONNECTIONS) hold(one);
  else end(&one);
}

static void take_bytes(int fd) {
  struct connection *c = &connections[fd];
  long got = read(fd, c->buffer + c->length, ROOM - 1 - c->length);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) { drop(fd); return; }
  c->length += got;
  while (c->open) {
    char *end = memmem(c->buffer, c->length, "\r\n\r\n", 4);
    if (!end) break;
    *end = 0;
    char *length = strcasestr(c->buffer, "content-length:");
    int content = length ? atoi(length + 15) : 0, whole = end + 4 - c->buffer + content;
    if (whole > c->length) { *end = '\r'; break; }
    take_request(fd, c->buffer, end + 4, content);
    memmove(c->buffer, c->buffer + whole, c->length - whole);
    if (c->open) c->length -= whole;
  }
  if (c->open && c->length == ROOM - 1) drop(fd);
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void take_connections(int epoll, int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    int one = 1;
    if (fd >= CONNECTIONS) { close(fd); continue; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *c = &connections[fd];
    if (!c->buffer) c->buffer = malloc(ROOM);
    c->open = 1;
    watch(epoll, fd);
  }
}

static int listen_on_loopback(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, (void *)&address, size) || listen(fd, 1024)) fail("listen");
  if (getsockname(fd, (void *)&address, &size)) fail("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 5) { fputs("server ANSWERS MEAN_MS SIGMA CORE\n", stderr); return 2; }
  read_bodies(argv[1]);
  mean = atof(argv[2]) / 1000;
  sigma = atof(argv[3]);
  if (atoi(argv[4]) >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(atoi(argv[4]), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores)) fail("sched_setaffinity");
  }
  signal(SIGPIPE, SIG_IGN);
  alarm(LIFETIME); /* nobody has to clean up after a bench that was killed */
  entries = malloc(MOST_LOGGED * sizeof *entries);
  int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  int listener = listen_on_loopback();
  watch(epoll, listener);
  watch(epoll, timer);
  watch(epoll, STDIN_FILENO);
  for (double armed = 0;;) {
    for (double t = now(); waiting && heap[0].due <= t;) {
      struct pending one = earliest();
      end(&one);
    }
    if (waiting && heap[0].due != armed) {
      armed = heap[0].due;
      struct itimerspec at = {.it_value = {(time_t)armed, (long)((armed - (time_t)armed) * 1e9)}};
      timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    }
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      uint64_t ticks;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) take_connections(epoll, listener);
      else if (fd == timer) { if (read(timer, &ticks, sizeof ticks) < 0) continue; }
      else if (connections[fd].open) take_bytes(fd);
    }
  }
}

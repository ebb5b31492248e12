/* What the tenant has billed, and what it shows to those who ask: a part of server.c.

   Each object of a generate call is an invoice, under the ID that its answer names. As many are
   remembered as there are IDs. A question is ZOQL over Invoice in the form that zbatch asks it:
   branches of AccountId = '...' alone, or with a TargetDate or a Status beside it.
*/
enum { ACCOUNT = 32, DAY = 10, ID = 16, PER_INVOICE = 640, MOST_SHOWN = 2000 };

static const char STATUS[] = "Draft";

struct invoice {
  char account[ACCOUNT], target[DAY], dated[DAY];
  const unsigned char *id;
  double created;
  uint32_t older, shown; /* the account's invoice before it; the question that it was shown to last */
};

static struct invoice *invoices; /* from 1 on: 0 is none */
static uint32_t *newest;         /* of the accounts, by their hash */
static uint32_t billed, most_billed, slots, asked;

static void make_room(long ids) {
  for (slots = 1; slots < 2 * ids;) slots *= 2;
  most_billed = ids;
  invoices = calloc(ids + 1, sizeof *invoices);
  newest = calloc(slots, sizeof *newest);
  if (!invoices || !newest) fail("invoices");
}

static uint32_t *newest_of(const char *account) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (int i = 0; i < ACCOUNT; i++) hash = (hash ^ (unsigned char)account[i]) * 1099511628211u;
  uint32_t slot = (hash ^ hash >> 32) & (slots - 1);
  while (newest[slot] && memcmp(invoices[newest[slot]].account, account, ACCOUNT))
    slot = (slot + 1) & (slots - 1);
  return &newest[slot];
}

static const char *text_in(const char *object, const char *end, const char *name, int length) {
  const char *at = memmem(object, end - object, name, strlen(name));
  if (!at) return NULL;
  for (at += strlen(name); *at == ':' || *at == ' ';) at++;
  return *at == '"' && end - at > length + 1 && at[length + 1] == '"' ? at + 1 : NULL;
}

static int bill(const char *call, const unsigned char *ids, int count) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  const char *at = strchr(call, '[');
  for (int i = 0; i < count && billed < most_billed; i++, ids += ID) {
    if (!at || !(at = strchr(at, '{'))) return 0;
    const char *end = strchr(at, '}');
    const char *account = end ? text_in(at, end, "\"AccountId\"", ACCOUNT) : NULL;
    const char *dated = end ? text_in(at, end, "\"InvoiceDate\"", DAY) : NULL;
    const char *target = end ? text_in(at, end, "\"TargetDate\"", DAY) : NULL;
    if (!account || !dated || !target) return 0;
    uint32_t *place = newest_of(account);
    struct invoice *one = &invoices[++billed];
    *one = (struct invoice){.id = ids, .created = t.tv_sec + t.tv_nsec * 1e-9, .older = *place};
    memcpy(one->account, account, ACCOUNT);
    memcpy(one->target, target, DAY);
    memcpy(one->dated, dated, DAY);
    *place = billed;
    at = end;
  }
  return 1;
}

static int put_field(char *out, const struct invoice *one, const char *name, int length) {
  char id[2 * ID + 1], moment[40];
  int cents = 1 + (one->id[0] << 8 | one->id[1]), number = one - invoices;
  time_t created = one->created;
  struct tm parts;
  strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", gmtime_r(&created, &parts));
  for (int i = 0; i < ID; i++) sprintf(id + 2 * i, "%02x", one->id[i]);
#define NAMED(text) (length == sizeof text - 1 && !memcmp(name, text, length))
#define TOLD(format, ...) return sprintf(out, "\"%.*s\":" format ",", length, name, __VA_ARGS__)
  if (NAMED("Id")) TOLD("\"%s\"", id);
  if (NAMED("AccountId")) TOLD("\"%.*s\"", ACCOUNT, one->account);
  if (NAMED("InvoiceNumber")) TOLD("\"INV%08d\"", number);
  if (NAMED("InvoiceDate")) TOLD("\"%.*s\"", DAY, one->dated);
  if (NAMED("TargetDate")) TOLD("\"%.*s\"", DAY, one->target);
  if (NAMED("Status")) TOLD("\"%s\"", STATUS);
  if (NAMED("Source")) TOLD("\"%s\"", "API");
  if (NAMED("Currency")) TOLD("\"%s\"", "USD");
  if (NAMED("Amount") || NAMED("Balance")) TOLD("%d.%02d", cents / 100, cents % 100);
  if (NAMED("CreatedDate") || NAMED("UpdatedDate"))
    TOLD("\"%s.%03d+00:00\"", moment, (int)((one->created - created) * 1000));
  return NAMED("TaxStatus") || NAMED("TaxMessage") ? 0 : -1; /* no tax: left out, as Zuora does */
}

/* Writes an invoice as JSON, a comma behind it; gives its length, or -1 where a field is unknown. */
static int put_invoice(char *out, const struct invoice *one, const char *fields, const char *end) {
  int length = sprintf(out, "{");
  for (const char *name = fields; name < end;) {
    int letters = strcspn(name, ", ");
    int more = put_field(out + length, one, name, letters);
    if (more < 0) return -1;
    length += more;
    name += letters + strspn(name + letters, ", ");
  }
  memcpy(out + length - 1, "},", 2); /* in place of the comma behind the last field */
  return length + 1;
}

struct branch { char account[ACCOUNT + 1], target[DAY + 1], status[16]; };

static const char *read_branch(const char *at, struct branch *one) { /* gives what is behind it */
  int length = 0, more = 0;
  *one = (struct branch){0};
  sscanf(at, "AccountId = '%32[0-9a-f]'%n", one->account, &length);
  if (!length || strlen(one->account) != ACCOUNT) return NULL;
  sscanf(at + length, " and TargetDate = '%10[0-9-]'%n", one->target, &more);
  if (!more) sscanf(at + length, " and Status = '%15[A-Za-z]'%n", one->status, &more);
  return at + length + more;
}

static int fits(const struct invoice *one, const struct branch *branch) {
  if (*branch->target && memcmp(one->target, branch->target, DAY)) return 0;
  return !*branch->status || !strcmp(branch->status, STATUS);
}

/* Answers a question, from its `select` on; NULL for what is none. */
static const char *shown_to(const char *question) {
  static char out[MOST_SHOWN * PER_INVOICE + 100];
  const char *fields = strstr(question, "select "), *from = strstr(question, " from Invoice where ");
  if (!fields || !from) return NULL;
  int count = 0, length = sprintf(out, "{\"records\":[");
  const char *at = from + strlen(" from Invoice where ") - strlen(" or ");
  asked++;
  do {
    struct branch branch;
    if (!(at = read_branch(at + strlen(" or "), &branch))) return NULL;
    for (uint32_t place = *newest_of(branch.account); place; place = invoices[place].older) {
      struct invoice *one = &invoices[place];
      if (one->shown == asked || !fits(one, &branch)) continue; /* once, whatever branches it fits */
      if (count++ == MOST_SHOWN) return NULL;
      int more = put_invoice(out + length, one, fields + strlen("select "), from);
      if (more < 0) return NULL;
      one->shown = asked;
      length += more;
    }
  } while (!strncmp(at, " or ", 4));
  if (*at != '"') return NULL;
  if (!count) return "{\"size\":0,\"done\":true}";
  sprintf(out + length - 1, "],\"size\":%d,\"done\":true}", count); /* in place of the last comma */
  return out;
}

// The table of every item: all rows stay in memory, a page of them is in the document.
(() => {
  const { rows, words } = JSON.parse(document.getElementById("rows").textContent);
  const begin = JSON.parse(document.getElementById("pictures").textContent).begin * 1000;
  const OUTCOMES = ["invoiced", "already invoiced", "nothing to bill", "failed", "unknown", "not attempted"];
  const STYLES = ["invoiced", "already_invoiced", "nothing_to_bill", "failed", "unknown", "not_attempted"];
  const [ID, NUMBER, TARGET, INVOICED_ON, REVISION, OUTCOME, INVOICES, CODE, MESSAGE, HTTP, ATTEMPTS, FINISHED, TOOK, REASON, FILE, LINE, KEY, TRACK, REQUEST, AMOUNT, SHOWN] = Array(21).keys();
  const [WHICH, CALLED, STATUS, SUM, BALANCE, CURRENCY, TAX, TAX_SAID, APPENDED] = Array(9).keys(); // of an invoice
  const word = (place) => (place < 0 ? "" : words[place]);
  const moment = (offset) => (offset === null ? "" : new Date(begin + offset).toISOString().slice(0, 19).replace("T", " "));
  const ids = (row) => (row[SHOWN].length ? row[SHOWN].map((one) => one[WHICH]) : row[INVOICES].split(" "));
  const names = (row) => (row[SHOWN].length ? row[SHOWN].map((one) => one[CALLED] || one[WHICH]) : ids(row));
  const size = (row) => { const figure = parseFloat(row[AMOUNT]); return Number.isNaN(figure) ? -Infinity : figure; }; // to order by, never to add
  const SORTED = {
    account: (row) => row[NUMBER] || row[ID], target: (row) => row[TARGET], outcome: (row) => row[OUTCOME],
    invoice: (row) => names(row)[0], amount: size, code: (row) => word(row[CODE]),
    took: (row) => (row[TOOK] === null ? -1 : row[TOOK]), finished: (row) => (row[FINISHED] === null ? -Infinity : row[FINISHED]),
  };
  const $ = (id) => document.getElementById(id);
  const body = $("body");
  const found = { all: rows.map((_, at) => at), sort: null, down: false, page: 0 };
  const open = new Set();
  let texts = null;

  const haystack = () => {
    texts ??= rows.map((row) => [row[ID], row[NUMBER], row[TARGET], ...ids(row), ...names(row), row[AMOUNT], word(row[CODE]), word(row[MESSAGE]), word(row[REASON]), row[KEY], row[TRACK], row[REQUEST]].join("\n").toLowerCase());
    return texts;
  };
  const select = () => {
    const parts = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = $("outcome").value;
    const all = parts.length ? haystack() : null;
    found.all = [];
    for (let at = 0; at < rows.length; at++) {
      if (outcome !== "" && rows[at][OUTCOME] !== Number(outcome)) continue;
      if (all === null || parts.every((part) => all[at].includes(part))) found.all.push(at);
    }
    order();
  };
  const order = () => {
    if (found.sort) {
      const value = SORTED[found.sort], keys = new Map(found.all.map((at) => [at, value(rows[at])]));
      const turn = found.down ? -1 : 1;
      found.all.sort((one, two) => {
        const left = keys.get(one), right = keys.get(two);
        return left < right ? -turn : left > right ? turn : one - two;
      });
    }
    found.page = 0;
    show();
  };

  const element = (name, text, style) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (style) made.className = style;
    return made;
  };
  const cell = (row, content, style) => {
    const made = element("td", undefined, style);
    made.append(content);
    row.append(made);
  };
  const took = (ms) => (ms === null ? "" : ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
  const told = (one) => {
    const currency = one[CURRENCY] < 0 ? "" : ` ${word(one[CURRENCY])}`;
    const parts = [
      one[CALLED], one[STATUS] < 0 ? "not shown by the tenant" : word(one[STATUS]),
      one[SUM] && one[SUM] + currency, one[BALANCE] && `balance ${one[BALANCE]}${currency}`,
      one[TAX] < 0 ? "" : `tax ${word(one[TAX])}`, word(one[TAX_SAID]),
      one[APPENDED] ? "an open draft before" : "", one[WHICH],
    ];
    return parts.filter(Boolean).join(" · ");
  };
  const details = (row) => {
    const list = element("dl");
    const facts = [
      ["account ID", row[ID]], ["account number", row[NUMBER]], ["invoice date", row[INVOICED_ON]],
      ["revision", row[REVISION] > 1 ? row[REVISION] : null], ["all invoices", row[INVOICES]],
      ...row[SHOWN].map((one, at) => [row[SHOWN].length > 1 ? `invoice ${at + 1}` : "invoice", told(one)]),
      ["message", word(row[MESSAGE])], ["why listed", word(row[REASON])], ["listed in", `${word(row[FILE])}:${row[LINE]}`],
      ["sends", row[ATTEMPTS]], ["HTTP status", row[HTTP]], ["idempotency key", row[KEY]], ["track ID", row[TRACK]], ["request ID", row[REQUEST]],
    ];
    for (const [name, value] of facts) {
      if (value === null || value === "") continue;
      const pair = element("div");
      pair.append(element("dt", name), element("dd", String(value)));
      list.append(pair);
    }
    return list;
  };
  const shown = (at) => {
    const row = rows[at], made = element("tr"), name = row[NUMBER] || row[ID];
    const button = element("button", open.has(at) ? "−" : "+", "open");
    button.type = "button";
    button.setAttribute("aria-expanded", String(open.has(at)));
    button.setAttribute("aria-label", `Details of ${name}, ${row[TARGET]}`);
    button.addEventListener("click", () => {
      open.has(at) ? open.delete(at) : open.add(at);
      const fresh = shown(at), after = made.nextElementSibling;
      if (after && after.classList.contains("more")) after.remove();
      made.replaceWith(...fresh);
      fresh[0].querySelector("button").focus();
    });
    cell(made, button);
    cell(made, element("code", name));
    cell(made, row[TARGET] + (row[REVISION] > 1 ? ` rev. ${row[REVISION]}` : ""));
    cell(made, element("span", OUTCOMES[row[OUTCOME]], `chip ${STYLES[row[OUTCOME]]}`));
    const [first, ...others] = names(row);
    cell(made, element("code", first + (others.length ? ` +${others.length}` : "")), "invoice");
    cell(made, row[AMOUNT], "number");
    cell(made, element("code", word(row[CODE])));
    cell(made, took(row[TOOK]), "number");
    cell(made, moment(row[FINISHED]));
    if (!open.has(at)) return [made];
    const more = element("tr", undefined, "more"), wide = element("td");
    wide.colSpan = 9;
    wide.append(details(row));
    more.append(wide);
    return [made, more];
  };
  const show = () => {
    const size = Number($("size").value), pages = Math.max(1, Math.ceil(found.all.length / size));
    found.page = Math.min(Math.max(0, found.page), pages - 1);
    const from = found.page * size, here = found.all.slice(from, from + size);
    body.replaceChildren(...here.flatMap(shown));
    const all = found.all.length.toLocaleString("en-US"), of = rows.length.toLocaleString("en-US");
    const last = (from + here.length).toLocaleString("en-US");
    const range = here.length ? `${(from + 1).toLocaleString("en-US")}–${last} of ${all}` : "no item";
    $("shown").textContent = found.all.length === rows.length ? range : `${range} found among ${of}`;
    for (const id of ["first", "back"]) $(id).disabled = found.page === 0;
    for (const id of ["on", "last"]) $(id).disabled = found.page === pages - 1;
  };
  const turn = (id, page) => $(id).addEventListener("click", () => { found.page = page(); show(); });
  turn("first", () => 0);
  turn("back", () => found.page - 1);
  turn("on", () => found.page + 1);
  turn("last", () => Infinity);
  let later;
  $("search").addEventListener("input", () => { clearTimeout(later); later = setTimeout(select, 120); });
  $("outcome").addEventListener("change", select);
  $("size").addEventListener("change", () => { found.page = 0; show(); });
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const name = button.dataset.sort;
      found.down = found.sort === name && !found.down;
      found.sort = name;
      for (const head of document.querySelectorAll(".items th[aria-sort]")) head.setAttribute("aria-sort", "none");
      button.parentElement.setAttribute("aria-sort", found.down ? "descending" : "ascending");
      order();
    });
  }
  $("size").value = "50";
  $("table").hidden = false;
  select();
})();

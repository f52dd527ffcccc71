// The form: reads and checks answers by the portfolio's rules, asks for the decision, shows it.
// No library, no storage, no HTML from text: every text becomes a text node.
"use strict";

const TIMEOUT_MS = 30_000;
const PAUSE_MS = 700; // after this long without a key an unfinished answer is checked
const REASONS_MAX = 4; // a letter with more reasons than four helps nobody (Regulation B, comment 9(b)(2)-1)
const VERDICTS = ["approve", "refer", "decline"];

let setup = readSetup(document);
let decision = null; // the answer on the page
let sent = { body: "", key: "" }; // one key for one body, so that a retry is no second application
let timer = 0; // counts down to the next try
const touched = new Set(); // fields that are checked at every key
const refused = new Map(); // what the lender's system said of a field, until it is changed

const $ = (id) => document.getElementById(id);

function readSetup(page) {
  return JSON.parse(page.getElementById("setup").textContent);
}

/** Make an element: a property that is a function becomes a listener, texts become text nodes. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((each) => each !== null));
  return element;
}

function fill(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

function spell(number, digits = 20) {
  return new Intl.NumberFormat(setup.language, { maximumFractionDigits: digits }).format(number);
}

// ---- answers and their rules ----------------------------------------------------------------

/** Read a number as a person of the language writes it; NaN if it is none. */
function readNumber(text, language) {
  const [group, point] = language === "es" ? ["\\.", ","] : [",", "\\."];
  const bare = text.trim().replace(/[\s\u00a0\u202f]/g, "").replace("\u2212", "-");
  const grouped = new RegExp(`^[+-]?[1-9]\\d{0,2}(${group}\\d{3})+(${point}\\d+)?$`);
  const plain = grouped.test(bare) ? bare.replace(new RegExp(group, "g"), "") : bare;
  if (!/^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/.test(plain)) return NaN;
  const number = Number(plain.replace(",", "."));
  return Number.isFinite(number) ? number : NaN;
}

const controls = (name) => [...$("form").querySelectorAll(`[name="${CSS.escape(name)}"]`)];
const boxes = (name) => [...$(`q-${name}`).querySelectorAll("[data-code]")];

function typed(field) {
  const found = controls(field.name);
  if (field.input === "choice") return found.find((each) => each.checked)?.value ?? "";
  return found[0].value.trim();
}

/** Return {value} of a field as it is sent, null where it is left out, or {problem}. */
function check(field) {
  const text = typed(field);
  if (field.input !== "number") {
    if (text) return { value: text };
    return field.is_required ? { problem: setup.texts.missing } : { value: null };
  }
  const box = boxes(field.name).find((each) => each.checked);
  if (box) return { value: field.codes[Number(box.dataset.code)] };
  return checkNumber(field, text);
}

function checkNumber(field, text) {
  const texts = setup.texts;
  if (!text) {
    const missing = field.codes.length ? texts.missing_number_or_box : texts.missing_number;
    return field.is_required ? { problem: missing } : { value: null };
  }
  const value = readNumber(text, setup.language);
  if (Number.isNaN(value)) return { problem: texts.not_number };
  if (field.is_whole && !Number.isInteger(value)) return { problem: texts.not_whole };
  if (field.minimum !== null && value < field.minimum) {
    return { problem: fill(texts.too_low, { low: spell(field.minimum) }) };
  }
  if (field.maximum !== null && value > field.maximum) {
    return { problem: fill(texts.too_high, { high: spell(field.maximum) }) };
  }
  const code = field.codes.indexOf(value);
  if (code >= 0 && value !== 0) { // none is none, typed or ticked
    const box = boxes(field.name)[code].parentElement.textContent;
    return { problem: fill(texts.is_code, { box }) };
  }
  return { value };
}

function show(field, problem) {
  const error = $(`e-${field.name}`);
  if (error.textContent !== problem) error.textContent = problem;
  $(`q-${field.name}`).classList.toggle("wrong", Boolean(problem));
  for (const each of controls(field.name)) {
    if (problem) each.setAttribute("aria-invalid", "true");
    else each.removeAttribute("aria-invalid");
  }
}

function judge(field) {
  const problem = check(field).problem ?? refused.get(field.name) ?? "";
  show(field, problem);
  return problem;
}

function fieldOf(element) {
  const question = element.closest(".field");
  return question && setup.fields.find((each) => `q-${each.name}` === question.id);
}

// ---- typing ---------------------------------------------------------------------------------

let pause = 0;

function onInput(event) {
  const field = fieldOf(event.target);
  if (!field) return;
  refused.delete(field.name);
  if ("code" in event.target.dataset) tick(field, event.target);
  clearTimeout(pause);
  if (touched.has(field.name) || event.target.type !== "text") judge(field);
  else pause = setTimeout(() => leave(field), PAUSE_MS);
}

/** One box at a time; while one is ticked the number rests, and comes back with it. */
function tick(field, box) {
  for (const each of boxes(field.name)) if (each !== box) each.checked = false;
  rest(field);
}

function rest(field) {
  controls(field.name)[0].disabled = boxes(field.name).some((each) => each.checked);
}

function leave(field) {
  if (!typed(field) && !touched.has(field.name)) return; // who passes by is not told off
  touched.add(field.name);
  judge(field);
}

/** Rewrite a number as it was understood: 5400 becomes 5,400. */
function onChange(event) {
  const field = fieldOf(event.target);
  if (!field || event.target.type !== "text") return;
  const { value } = check(field);
  if (typeof value === "number" && !event.target.disabled) event.target.value = spell(value);
}

function onLeave(event) {
  const field = fieldOf(event.target);
  if (field) leave(field);
}

// ---- sending --------------------------------------------------------------------------------

async function onSubmit(event) {
  event.preventDefault();
  if ($("send").getAttribute("aria-disabled") === "true") return;
  hide($("trouble"));
  const body = {};
  const problems = [];
  for (const field of setup.fields) {
    touched.add(field.name);
    const problem = judge(field);
    if (problem) problems.push([field, problem]);
    else body[field.name] = check(field).value;
  }
  if (problems.length) summarise(problems, []);
  else await send(JSON.stringify(body));
}

async function send(body) {
  hide($("summary"));
  document.title = pageTitle();
  if (sent.body !== body) sent = { body, key: newKey() };
  wait(true);
  let reply;
  let answer = null;
  try {
    reply = await fetch($("form").action, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Accept-Language": setup.language,
        "Idempotency-Key": sent.key,
      },
      body,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await reply.json().catch(() => null);
  } catch (error) {
    const isSlow = error.name === "TimeoutError" || error.name === "AbortError";
    trouble(isSlow ? setup.texts.slow : setup.texts.offline);
    return;
  } finally {
    wait(false);
  }
  if (reply.ok && isDecision(answer)) {
    decision = answer;
    $("status").textContent = setup.texts.sent;
    showAnswer(true);
  } else refuse(reply, answer ?? {});
}

function isDecision(answer) {
  return VERDICTS.includes(answer?.decision) && Number.isFinite(answer.points);
}

function refuse(reply, answer) {
  const { texts } = setup;
  if (answer.problems && typeof answer.problems === "object") return showProblems(answer.problems);
  const seconds = Math.min(Number(reply.headers.get("Retry-After")) || 0, 600);
  const reference = answer.correlation_id ?? "";
  if (reply.status === 429) return trouble(texts.busy, reference, seconds || 5);
  if (reply.status === 503) return trouble(texts.unavailable, reference, seconds || 5);
  if (reply.status === 409) {
    sent = { body: "", key: "" };
    return trouble(texts.conflict, reference);
  }
  return trouble(fill(texts.failed, { status: reply.status }), reference, seconds);
}

/** Show the problems that the lender's system found, each at its field. */
function showProblems(found) {
  const problems = [];
  const others = [];
  for (const [name, text] of Object.entries(found)) {
    const field = setup.fields.find((each) => each.name === name);
    if (!field) {
      others.push(`${name}: ${text}`);
      continue;
    }
    const said = setup.language === "en" ? `${setup.texts.refused}: ${text}` : setup.texts.refused;
    refused.set(name, check(field).problem ?? said);
    problems.push([field, judge(field)]);
  }
  summarise(problems, others);
}

function summarise(problems, others) {
  const { texts } = setup;
  const count = problems.length + others.length;
  const links = problems.map(([field, text]) => {
    const target = controls(field.name)[0];
    const go = (event) => {
      event.preventDefault();
      (target.disabled ? boxes(field.name)[0] : target).focus();
      $(`q-${field.name}`).scrollIntoView({ block: "center" });
    };
    return make("li", {}, make("a", { href: `#${target.id}`, click: go }, `${field.label}: ${text}`));
  });
  $("summary").replaceChildren(
    make("h2", {}, fill(count === 1 ? texts.summary_one : texts.summary_many, { count })),
    make("ul", {}, ...links, ...others.map((text) => make("li", { lang: "en" }, text))),
  );
  $("summary").hidden = false;
  document.title = `${texts.error_title}: ${pageTitle()}`;
  $("summary").focus();
}

/** Say what went wrong, and offer another try, at the earliest after `seconds`. */
function trouble(text, reference = "", seconds = 0) {
  const { texts } = setup;
  const again = make("button", { type: "submit" }, texts.retry);
  const paragraphs = [text, texts.kept, reference && fill(texts.reference, { id: reference })];
  $("trouble").replaceChildren(...paragraphs.filter(Boolean).map((each) => make("p", {}, each)), again);
  $("trouble").hidden = false;
  $("trouble").focus();
  clearInterval(timer);
  const end = Date.now() + seconds * 1000;
  const count = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    const isOver = left <= 0;
    again.textContent = isOver ? texts.retry : fill(texts.retry_in, { seconds: left });
    for (const each of [again, $("send")]) hold(each, !isOver);
    if (isOver) clearInterval(timer);
  };
  count();
  if (seconds) timer = setInterval(count, 500);
}

function hold(button, isHeld) {
  if (isHeld) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function wait(isWaiting) {
  hold($("send"), isWaiting);
  $("form").setAttribute("aria-busy", String(isWaiting));
  $("status").textContent = isWaiting ? setup.texts.sending : "";
}

function hide(element) {
  clearInterval(timer);
  element.hidden = true;
  element.replaceChildren();
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
}

// ---- the answer -----------------------------------------------------------------------------

let formTitle = document.title;

function pageTitle() {
  return decision ? `${setup.texts[decision.decision]} · ${setup.title}` : formTitle;
}

function bandLabel(name) {
  return setup.bands.find((each) => each.name === name)?.label ?? name;
}

function showAnswer(hasFocus) {
  const { texts } = setup;
  const verdict = make("h1", { id: "verdict", tabindex: "-1" }, texts[decision.decision]);
  $("answer").replaceChildren(
    make(
      "div",
      { class: `card verdict ${decision.decision}` },
      verdict,
      make("p", { class: "lead" }, texts[`${decision.decision}_lead`]),
      figures(),
      make(
        "div",
        { class: "actions" },
        make("button", { type: "button", class: "primary", click: () => window.print() }, texts.print),
        make("button", { type: "button", click: backToForm }, texts.change),
        make("button", { type: "button", click: startAgain }, texts.again),
      ),
    ),
    make("div", { class: "card" }, make("h2", {}, texts.scale_heading), ...scale()),
    make("div", { class: "card" }, make("h2", {}, texts.reasons_heading), ...effects()),
    make("div", { class: "card paper" }, make("h2", {}, texts.letter_heading), letter()),
  );
  $("ask").hidden = true;
  $("answer").hidden = false;
  document.title = pageTitle();
  if (hasFocus) {
    verdict.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function figures() {
  const { texts } = setup;
  const percent = new Intl.NumberFormat(setup.language, { style: "percent", maximumFractionDigits: 1 });
  const rows = [
    [texts.points, spell(decision.points), texts.points_unit],
    [texts.band, bandLabel(decision.band), ""],
    [texts.pd, percent.format(decision.pd), fill(texts.pd_within, { months: setup.months })],
  ];
  const cells = rows.map(([name, value, more]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, more ? make("small", {}, ` ${more}`) : null)),
  );
  return make("dl", { class: "figures" }, ...cells);
}

function scale() {
  const { texts, bands } = setup;
  const { points } = decision;
  const low = Math.min(setup.scale.low, Math.floor(points / 10) * 10);
  const high = Math.max(setup.scale.high, Math.ceil(points / 10) * 10);
  const parts = bands.map((band, place) => ({ ...band, top: place ? bands[place - 1].points_min : null }));
  const track = parts.toReversed().map((band) => {
    const element = make(
      "span",
      { class: `${band.decision}${band.name === decision.band ? " yours" : ""}` },
      band.label,
    );
    element.style.flexGrow = String((band.top ?? high) - (band.points_min ?? low));
    return element;
  });
  const share = (points - low) / (high - low);
  const edge = share < 0.12 ? " start" : share > 0.88 ? " end" : "";
  const marker = make("div", { class: `marker${edge}` }, make("b", {}, fill(texts.marker, { points: spell(points) })));
  marker.style.left = `${100 * share}%`;
  const text = fill(texts.scale_text, {
    points: spell(points),
    band: bandLabel(decision.band),
    low: spell(low),
    high: spell(high),
  });
  const picture = make(
    "div",
    { class: "scale", role: "img", "aria-label": text },
    marker,
    make("div", { class: "track" }, ...track),
    make("div", { class: "ends" }, make("span", {}, spell(low)), make("span", {}, spell(high))),
  );
  const lines = parts.map((band) =>
    make("li", {}, fill(texts.scale_band, { band: band.label, range: range(band), decision: texts[band.decision].toLowerCase() })),
  );
  return [picture, make("p", { class: "note" }, text), make("ul", { class: "note bands" }, ...lines)];
}

function range(band) {
  const { texts } = setup;
  const low = band.points_min === null ? "" : spell(band.points_min);
  if (band.top === null) return low ? fill(texts.range_from, { low }) : texts.range_all;
  if (!low) return fill(texts.range_below, { high: spell(band.top) });
  return fill(texts.range_between, { low, high: spell(band.top - 1) });
}

/** The reason's text in the page's language, whatever language the answer came in. */
function citeText(reason) {
  return setup.reasons[reason.code] ?? reason.text;
}

const reasonsThat = (effect) => decision.reasons.filter((each) => each.effect === effect);

function effects() {
  const { texts } = setup;
  const sizes = decision.reasons.map((each) => Math.abs(each.points ?? NaN));
  const hasSizes = sizes.every(Number.isFinite);
  const largest = Math.max(...sizes, 1e-9);
  const column = (effect, none, size) => {
    const items = reasonsThat(effect).map((each) => {
      const points = spell(Math.abs(each.points ?? 0), 0);
      const bar = make("i");
      bar.style.width = `${Math.max((100 * Math.abs(each.points ?? 0)) / largest, 2)}%`;
      return make(
        "li",
        {},
        make("span", {}, citeText(each), hasSizes ? make("em", {}, fill(size, { points })) : null),
        hasSizes ? make("span", { class: "bar", "aria-hidden": "true" }, bar) : null,
      );
    });
    return make(
      "div",
      { class: effect },
      make("h3", {}, texts[effect]),
      items.length ? make("ol", {}, ...items) : make("p", { class: "note" }, none),
    );
  };
  const columns = [
    column("raises", texts.none_raise, texts.points_lost),
    column("lowers", texts.none_lower, texts.points_gained),
  ];
  const note = hasSizes ? [make("p", { class: "note" }, texts.reasons_note)] : [];
  return [make("div", { class: "effects two" }, ...columns), ...note];
}

function letter() {
  const { lender, title } = setup;
  const texts = setup.texts.letter;
  const date = new Intl.DateTimeFormat(setup.language, { dateStyle: "long", timeZone: "UTC" });
  const values = { points: spell(decision.points), band: bandLabel(decision.band) };
  const sender = lender.name ?? title;
  const paragraph = (text, kind) => make("p", { class: kind }, text);
  const isAdverse = decision.decision === "decline";
  const contact = lender.contact ? fill(texts.contact, { contact: lender.contact }) : texts.contact_lender;
  return make(
    "article",
    { class: "letter", "aria-label": setup.texts.letter_heading },
    make(
      "header",
      {},
      make("div", {}, make("b", {}, sender), make("span", {}, lender.address ?? "")),
      make(
        "dl",
        {},
        make("dt", {}, texts.date),
        make("dd", {}, date.format(new Date(decision.decided_at))),
        make("dt", {}, texts.reference),
        make("dd", {}, decision.decision_id),
      ),
    ),
    make("h3", {}, fill(texts.subject, { title })),
    paragraph(texts.greeting),
    paragraph(fill(texts[decision.decision], values)),
    ...principal(texts),
    make("h4", {}, texts.rights),
    paragraph(texts.automated, "small"),
    ...(isAdverse ? [paragraph(texts.statement, "small")] : []),
    paragraph(contact, "small"),
    ...(isAdverse ? [paragraph(equalNotice(texts), "small")] : []),
    paragraph(texts.closing),
    paragraph(sender),
  );
}

function equalNotice(texts) {
  const { supervisor } = setup.lender;
  return supervisor ? `${texts.equal} ${fill(texts.supervisor, { supervisor })}` : texts.equal;
}

/** The letter's reasons: for a refusal only those that raise the risk, the weightiest first. */
function principal(texts) {
  if (decision.decision === "refer") return [];
  const isAdverse = decision.decision === "decline";
  const reasons = reasonsThat(isAdverse ? "raises" : "lowers").slice(0, REASONS_MAX);
  if (!reasons.length) return isAdverse ? [make("p", {}, texts.no_reasons)] : [];
  return [
    make("h4", {}, isAdverse ? texts.reasons : texts.helped),
    make("ol", {}, ...reasons.map((each) => make("li", {}, citeText(each)))),
  ];
}

function backToForm() {
  decision = null;
  $("answer").hidden = true;
  $("ask").hidden = false;
  $("status").textContent = "";
  document.title = pageTitle();
  window.scrollTo(0, 0);
  $("main").focus({ preventScroll: true });
}

function startAgain() {
  $("form").reset();
  sent = { body: "", key: "" };
  touched.clear();
  refused.clear();
  for (const field of setup.fields) {
    if (field.input === "number") rest(field);
    show(field, "");
  }
  hide($("summary"));
  hide($("trouble"));
  hold($("send"), false);
  backToForm();
}

// ---- the other language ---------------------------------------------------------------------

/** Replace the page by its other language in place: every answer stays, nothing is stored. */
function onLanguage(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const address = event.currentTarget.href;
  const request = new XMLHttpRequest(); // it parses a page without running it
  request.open("GET", address);
  request.responseType = "document";
  request.timeout = TIMEOUT_MS;
  request.onloadend = () => {
    const page = request.status === 200 ? request.response : null;
    if (page?.getElementById("setup")) translate(page, address);
    else trouble(setup.texts.other_language_failed);
  };
  request.send();
}

function translate(page, address) {
  const kept = setup.fields.map((field) => remember(field));
  clearInterval(timer);
  clearTimeout(pause);
  const wasWrong = !$("summary").hidden;
  setup = readSetup(page);
  formTitle = page.title;
  document.documentElement.lang = setup.language;
  document.body.replaceChildren(...[...page.body.childNodes].map((each) => document.adoptNode(each)));
  kept.forEach((each, place) => recall(setup.fields[place], each));
  listen();
  history.replaceState(null, "", address);
  refused.forEach((_, name) => refused.set(name, setup.texts.refused));
  const problems = setup.fields
    .filter((field) => touched.has(field.name))
    .map((field) => [field, judge(field)])
    .filter(([, problem]) => problem);
  if (decision) showAnswer(false);
  else if (wasWrong && problems.length) summarise(problems, []);
  document.title = pageTitle();
  $("language").focus();
}

function remember(field) {
  const text = typed(field);
  const isNumber = field.input === "number";
  const number = isNumber ? readNumber(text, setup.language) : NaN;
  const ticked = isNumber ? boxes(field.name).findIndex((each) => each.checked) : -1;
  return { text, number, ticked };
}

function recall(field, { text, number, ticked }) {
  const found = controls(field.name);
  if (field.input === "choice") {
    for (const each of found) each.checked = each.value === text && (text !== "" || touched.has(field.name));
    return;
  }
  found[0].value = Number.isNaN(number) ? text : spell(number);
  if (field.input !== "number") return;
  if (ticked >= 0) boxes(field.name)[ticked].checked = true;
  rest(field);
}

function listen() {
  const form = $("form");
  form.addEventListener("input", onInput);
  form.addEventListener("change", onChange);
  form.addEventListener("focusout", onLeave);
  form.addEventListener("submit", onSubmit);
  $("language").addEventListener("click", onLanguage);
}

listen();

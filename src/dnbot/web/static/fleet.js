// The fleet: workers, tasks with who holds them and what came of them, and what happened last. It only shows.
import { ask } from "./ask.js";
import { card, el, put, table } from "./dom.js";
import { age, clock, count, money, size, tone, UNKNOWN } from "./words.js";

const AGAIN_MS = 2000;
const STALE_MS = 6000;
const byId = (id) => document.getElementById(id);
const STATES = { running: "good", failed: "bad", quarantined: "bad", pausing: "warn", paused: "warn", starting: "warn", stopping: "warn" };
const BAD_EVENTS = new Set(["failure", "spent", "taken_over"]);

const tasks = table([["task"], ["symbol"], ["state"], ["wanted"], ["profit 24 h", "num"], ["profit", "num"], ["fills", "num"],
  ["delta, base", "num"], ["failures 24 h", "num"], ["bot"], ["holder"], ["lease left", "num"], ["epoch", "num"], ["why", "text"]], "Tasks");
const workers = table([["worker"], ["load", "num"], ["state"], ["seen", "num"], ["version"], ["tasks", "text"]], "Workers");
const events = table([["at, UTC"], ["task"], ["what"], ["state"], ["worker"], ["epoch", "num"], ["text", "text"]], "Events");
const problem = el("p", { class: "bad", role: "alert" });
const alarm = el("p", { class: "big" });
const risk = el("p", { class: "big" });
const sums = el("p", { class: "muted" });
let fleet = null;
let readAt = 0;

function taskRow(one, late) {
  const bot = one.bot;
  const held = one.holder !== null && one.lease_left_s > 0;
  const lease = one.holder === null ? "free" : held ? age(one.lease_left_s) : `ended ${age(-one.lease_left_s)} ago`;
  return [
    one.task, one.symbol, [one.state, STATES[one.state] ?? ""], [one.desired, one.desired === "running" ? "" : "warn"],
    [money(one.day_quote, 2, true), tone(one.day_quote)], [money(one.realised_quote, 2, true), tone(one.realised_quote)],
    count(bot.fills), size(bot.delta_base, true), [count(one.failures_day), one.failures_day ? "warn" : ""],
    bot.state ? [`${bot.state} ${bot.mode}`, bot.mode === "ACTIVE" ? "" : "warn"] : UNKNOWN, one.holder ?? UNKNOWN,
    [lease, held ? "" : late.has(one.task) ? "bad" : "muted"], count(one.epoch), one.why,
  ];
}

function workerRow(one, loads, ttl_s) {
  const silent = one.seen_s >= ttl_s;
  const state = silent ? ["silent: its leases run out", "bad"] : one.draining ? ["draining", "warn"] : ["works", "good"];
  return [one.worker, `${loads.get(one.worker) ?? 0}/${one.capacity}`, state, `${age(one.seen_s)} ago`, one.version, one.tasks.join(", ")];
}

const eventRow = (one) => [one.at.slice(0, 19), one.task, [one.kind, BAD_EVENTS.has(one.kind) ? "bad" : ""], one.state, one.worker || UNKNOWN,
  one.epoch || UNKNOWN, one.text];

const total = (field) => {
  const known = fleet.tasks.map((one) => one[field]).filter((value) => value !== null && value !== undefined);
  return known.length ? money(known.reduce((sum, value) => sum + Number(value), 0), 2, true) : UNKNOWN;
};

function riskText() {
  const limited = fleet.risk.figures.filter((one) => one.limit !== null);
  if (fleet.risk.denial) return `No task takes new risk: ${fleet.risk.denial}`;
  if (!limited.length) return "No limits over the fleet are set.";
  return `Below the limits of the fleet: ${limited.map((one) => `${one.figure} ${money(Number(one.quote), 2)} of ${one.limit}`).join(", ")}.`;
}

function show() {
  const late = new Set(fleet.without_holder);
  const loads = new Map();
  for (const one of fleet.tasks) {
    if (one.holder !== null && one.lease_left_s > 0) loads.set(one.holder, (loads.get(one.holder) ?? 0) + one.weight);
  }
  tasks.fill(fleet.tasks.map((one) => taskRow(one, late)));
  workers.fill(fleet.workers.map((one) => workerRow(one, loads, fleet.ttl_s)));
  events.fill(fleet.events.map(eventRow));
  const alive = fleet.workers.filter((one) => one.seen_s < fleet.ttl_s).length;
  const running = fleet.tasks.filter((one) => one.state === "running").length;
  put(alarm, late.size ? `Without a holder: ${[...late].join(", ")}` : "Every task that should be held is held.", `big ${late.size ? "bad" : "good"}`);
  put(sums, `${running} of ${fleet.tasks.length} tasks run, ${alive} of ${fleet.workers.length} workers live. ` +
    `Profit of the last 24 h ${total("day_quote")}, of all time ${total("realised_quote")} quote; of tasks that were sampled within a day.`);
  put(risk, riskText(), `big ${fleet.risk.denial ? "bad" : "good"}`);
  put(byId("held"), late.size ? `${late.size} WITHOUT A HOLDER` : "all held", `chip ${late.size ? "bad" : "good"}`);
}

function tell() {
  const past = performance.now() - readAt;
  const stale = !fleet || past > STALE_MS;
  document.body.classList.toggle("stale", stale);
  put(byId("link"), !fleet ? "connecting" : stale ? `NO DATA FOR ${Math.floor(past / 1000)} s: what you see is old` : "live",
    `chip ${stale ? "bad" : "good"}`);
  put(byId("clock"), fleet ? `${clock(fleet.at_ms)} UTC` : "");
}

async function look() {
  try {
    fleet = (await ask("/api/fleet")).body;
    readAt = performance.now();
    put(problem, "");
    show();
  } catch (error) {
    put(problem, error.message);
  }
  tell();
  setTimeout(look, AGAIN_MS);
}

async function start() {
  let me;
  try {
    me = (await ask("/api/me")).body;
  } catch {
    setTimeout(start, AGAIN_MS);
    return;
  }
  put(byId("who"), `${me.name ? `${me.name}, ` : ""}on ${me.worker}`);
  byId("logout").addEventListener("click", async () => {
    await ask("/api/logout", { method: "POST", headers: { "x-csrf-token": me.csrf } }).catch(() => {});
    location.replace("/login");
  });
  byId("page").replaceChildren(el("h1", {}, "Fleet"), problem, alarm, risk, sums, card("Workers", workers.node),
    card("Tasks; profit in quote units, from the newest samples", tasks.node), card("What happened, the newest first", events.node));
  look();
  setInterval(tell, 500);
}

start();

// The frame around every page: who looks, the stream of pictures, how old the newest one is, and which page is shown.
import { ask } from "./ask.js";
import { el, put } from "./dom.js";
import { clock } from "./words.js";
import * as alerts from "./alerts.js";
import * as control from "./control.js";
import * as logs from "./logs.js";
import * as now from "./now.js";
import * as orders from "./orders.js";
import * as profit from "./profit.js";
import * as risk from "./risk.js";
import * as trades from "./trades.js";

const PAGES = { now, profit, trades, orders, risk, logs, alerts, control };
const STALE_MS = 3000;
const byId = (id) => document.getElementById(id);

export const session = { me: null };
let page = null;
let picture = null;
let pictureAt = 0;
let source = null;

function route() {
  const [name, detail] = location.pathname.slice(1).split("/");
  return [PAGES[name] ? name : "now", detail ?? ""];
}

function show() {
  const [name, detail] = route();
  page?.leave?.();
  for (const link of byId("nav").children) {
    if (link.dataset.page === name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ inline: "nearest", block: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  document.title = `dnbot: ${PAGES[name].title}`;
  const root = byId("page");
  root.replaceChildren();
  page = PAGES[name].open(root, { session, ask, detail, go });
  if (picture) page.show?.(picture);
}

export function go(path) {
  history.pushState(null, "", path);
  show();
  byId("page").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function links() {
  byId("nav").replaceChildren(
    ...Object.entries(PAGES).map(([name, module]) => el("a", { href: `/${name}`, "data-page": name }, module.title)),
  );
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  addEventListener("popstate", show);
}

const STATES = { ERROR_RECOVERY: "bad", SHUTDOWN: "warn", REBALANCING_DELTA: "warn" };
const MODES = { ACTIVE: "good", REDUCING: "warn", HALTED: "bad" };

function head({ status }) {
  const view = status.view;
  put(byId("symbol"), `${view.symbol} ${status.run.mode}`);
  put(byId("head-state"), view.exit_code === null ? view.state : `ended, exit code ${view.exit_code}`,
    `chip ${STATES[view.state] ?? ""}`);
  put(byId("head-mode"), view.mode, `chip ${MODES[view.mode] ?? ""}`);
  const market = byId("market");
  market.hidden = !status.run.market;
  put(market, status.run.market);
  market.title = status.run.market;
}

function connect() {
  source = new EventSource("/api/live");
  source.addEventListener("picture", (event) => {
    picture = JSON.parse(event.data);
    pictureAt = performance.now();
    head(picture);
    page?.show?.(picture);
    age();
  });
  source.onerror = () => {
    age();
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    // An answer that was no stream: logged out, or too many browsers.
    setTimeout(() => ask("/api/me").then(connect, connect), 2000);
  };
}

function age() {
  const late = performance.now() - pictureAt;
  const stale = !picture || late > STALE_MS;
  document.body.classList.toggle("stale", stale);
  const text = !picture ? "connecting" : stale ? `NO DATA FOR ${Math.floor(late / 1000)} s: what you see is old` : "live";
  put(byId("link"), text, `chip ${stale ? "bad" : "good"}`);
  put(byId("clock"), picture ? `${clock(Number(BigInt(picture.status.at_ns) / 1000000n))} UTC` : "");
}

async function start() {
  try {
    session.me = (await ask("/api/me")).body;
  } catch {
    setTimeout(start, 2000);
    return;
  }
  put(byId("who"), `${session.me.name ? `${session.me.name}, ` : ""}may ${session.me.role}`);
  byId("logout").addEventListener("click", async () => {
    await ask("/api/logout", { method: "POST", headers: { "x-csrf-token": session.me.csrf } }).catch(() => {});
    location.replace("/login");
  });
  links();
  connect();
  show();
  setInterval(age, 500);
}

start();

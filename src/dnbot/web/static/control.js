// Orders to the bot. Every one wants a reason, and those that cannot be taken back a sentence that is typed.
import { card, el, put, table } from "./dom.js";
import { stamp, venue } from "./words.js";

export const title = "Control";
const ACTIONS = [
  ["pause", "Pause", "Take no new risk: ACTIVE becomes REDUCING. Undoing and hedging go on. Refused when the mode is stricter already.", ""],
  ["reduce", "Reduce", "The same, and fine when the mode is stricter already.", ""],
  ["resume", "Resume", "Back to ACTIVE. A limit that still holds lowers the mode again within a second, and the answer tells so.", "primary"],
  ["kill", "Kill", "HALTED at once, and over restarts; every order of ours is cancelled at every venue, until two reads prove that none is left. The position stays. The bot goes on running.", "danger"],
  ["flatten", "Flatten and end", "Sell the inventory and buy the short back in capped slices, then end. Takes up to a minute or more.", "danger"],
  ["stop", "Stop", "Settle and hedge what is open, cancel our orders, verify, end. The hedged position is kept.", "danger"],
];

export function open(root, { session, ask }) {
  const { me } = session;
  const may = me.role === "operate";
  const standing = el("p", { class: "big" });
  const why = el("p", { class: "muted" });
  const modes = table([["UTC"], ["from"], ["to"], ["by"], ["why"]], "Changes of the trading mode");
  const none = el("p", { class: "muted" });
  const forms = ACTIONS.map((action) => form(action, me, may, ask, () => setTimeout(load, 1500)));
  root.append(el("h1", {}, "Control"), card("Trading mode", standing, why),
    ...(may ? [] : [el("p", { class: "notice" }, "This login may look, not operate: log in with the operate token to order anything.")]),
    el("div", { class: "grid" }, ...forms.map((one) => one.node)),
    card("Who changed the mode, and why; the newest 50", modes.node, none));

  const load = async () => {
    try {
      const { body } = await ask("/api/modes");
      modes.fill(body.map((row) => [stamp(row.at), row.from_mode, row.to_mode, row.changed_by, [row.why, "text"]]));
      put(none, body.length ? "" : "Never.");
    } catch (error) {
      put(none, error.message);
    }
  };
  load();
  let mode = null;
  return {
    show({ status }) {
      const { view } = status;
      put(standing, view.exit_code === null ? `${view.mode}, state ${view.state}` : `ended with exit code ${view.exit_code}`);
      put(why, view.busy ? `${view.mode_why}; ${view.busy}` : view.mode_why);
      if (mode !== null && mode !== view.mode) setTimeout(load, 1000);
      mode = view.mode;
      for (const one of forms) one.show(view);
    },
  };
}

function form([action, name, words, kind], me, may, ask, done) {
  const reason = el("input", { maxlength: 300, required: true, autocomplete: "off" });
  const typed = el("input", { autocomplete: "off", spellcheck: "false" });
  const force = action === "resume" ? el("input", { type: "checkbox" }) : null;
  const forced = force && el("label", { class: "check", hidden: true }, force, " out of HALTED (force), after looking into it");
  const wanted = () => (force?.checked ? me.confirm.resume_force : me.confirm[action]);
  const phrase = el("code", {}, wanted() || "");
  const confirm = el("label", {}, "To confirm, type ", phrase, typed);
  const button = el("button", { type: "submit", class: kind }, name);
  const answer = el("p", { class: "answer", role: "status", "aria-live": "polite" });
  const node = el("form", { class: "card order" }, el("h2", {}, name), el("p", {}, words), el("label", {}, "Reason, for the record", reason),
    ...(forced ? [forced] : []), confirm, button, answer);
  let busy = false;

  const check = () => {
    confirm.hidden = !wanted();
    put(phrase, wanted());
    button.disabled = !may || busy || !reason.value.trim() || (wanted() !== "" && typed.value !== wanted());
    for (const input of [reason, typed, force]) if (input) input.disabled = !may || busy;
  };
  const send = async () => {
    busy = true;
    check();
    put(answer, "Asked; waiting for the bot.", "answer muted");
    const started = performance.now();
    try {
      const { body } = await order(action, { why: reason.value.trim(), confirm: wanted() ? typed.value : "", force: Boolean(force?.checked) }, me);
      const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
      put(answer, `${wordsOf(body)} (${took})`, `answer ${TONES[body.type] ?? "bad"}`);
      if (body.type === "done" || body.type === "killed") {
        reason.value = "";
        typed.value = "";
        if (force) force.checked = false;
      }
    } catch (error) {
      put(answer, `No answer: ${error.message}. Look at the state above before you ask again.`, "answer bad");
    }
    busy = false;
    check();
    done();
  };
  node.addEventListener("input", check);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) send();
  });
  check();
  return {
    node,
    show(view) {
      if (!forced) return;
      forced.hidden = view.mode !== "HALTED";
      if (forced.hidden && force.checked) {
        force.checked = false;
        check();
      }
    },
  };
}

const TONES = { done: "good", killed: "good", refused: "bad", late: "warn" };

async function order(action, what, me) {
  const answer = await fetch(`/api/control/${action}`, {
    method: "POST", headers: { "content-type": "application/json", "x-csrf-token": me.csrf }, body: JSON.stringify(what),
  });
  const body = await answer.json();
  return { body: body.error ? { type: "refused", text: body.error } : body };
}

function wordsOf(body) {
  const where = body.mode ? `; state ${body.state}, mode ${body.mode}` : "";
  const venues = (body.venues ?? []).map(swept).join("; ");
  const head = { done: "Done", killed: "Halted", refused: "Refused", late: "Told, but no effect seen in time" }[body.type] ?? body.type;
  return `${head}: ${body.text}${where}${venues ? `. ${venues}` : ""}`;
}

function swept({ venue: name, cancelled, left, trouble }) {
  const said = `${venue(name)}: ${cancelled.length} cancelled`;
  return trouble ? `${said}, NOT PROVEN EMPTY: ${trouble}; left: ${left.join(", ") || "nothing was seen"}. Use dnbot kill` : `${said}, proven empty`;
}

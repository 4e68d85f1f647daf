// The page as a whole: state in, requests out.

import { Brush } from "./brush.js";
import { listenToKeys } from "./keys.js";
import { Pane } from "./panes.js";
import { ask, listen, listenToDrops, send } from "./talk.js";
import { Timeline } from "./timeline.js";

const byId = (id) => document.getElementById(id);

let state = null;
let view = "mask";
let lastSource = 0;
let told = "";
let lastEnd = null; // number of the job that had ended when the page was opened, or ended since
let queue = Promise.resolve(); // strokes are sent one after the other
const waiting = new Map(); // job -> what is called when it ended

const timeline = new Timeline(() => { brush.wipe(); return draw(); });
const left = new Pane(document.querySelector('[data-pane="left"]'), (to) => choose("left", to), null);
const right = new Pane(document.querySelector('[data-pane="right"]'), (to) => choose("right", to), () => run("matte", { pane: "right" }));
const brush = new Brush(document.querySelector(".ink"), (stroke) => {
  const body = { frame: timeline.frame, fresh: byId("fresh").checked, ...stroke };
  queue = queue.then(() => run("stroke", body));
  return queue;
});

listen(take, () => complain("the studio does not answer; is it still running?"));

/** Ask for a job and wait until it ended; errors are shown. */
async function run(path, body) {
  try {
    const job = await ask(path, body);
    if (job !== null) await ended(job);
    return true;
  } catch (error) {
    complain(error.message);
    return false;
  }
}

function ended(job) {
  if (state && state.ended.number >= job) return drawn;
  return new Promise((resolve) => waiting.set(job, resolve));
}

let drawn = Promise.resolve();

function take(next) {
  state = next;
  if (state.source && state.source.number !== lastSource) opened();
  const busy = state.job !== null;
  if (state.source) {
    const made = state.panes.left.made;
    for (const pane of [left, right]) pane.take(state, busy);
    brush.enabled = state.panes.left.choice.way !== "rvm";
    const templates = [...new Set(state.rounds.map((each) => each.frame))].sort((a, b) => a - b);
    timeline.take(templates, made?.reached ?? false, made?.matted ?? false);
    for (const pane of [left, right]) pane.layBehind(byId("behind").value, byId("colour").value, state.background);
    tools(made, busy, templates);
    results();
  }
  progress();
  if (lastEnd === null) lastEnd = state.ended.number;
  if (state.ended.number > lastEnd) {
    lastEnd = state.ended.number;
    if (state.ended.error) complain(state.ended.error);
    say(state.ended.error ? "" : state.ended.cancelled ? "stopped" : "done");
  }
  if (!busy) {
    drawn = draw();
    for (const [job, resolve] of waiting) {
      if (job > state.ended.number) continue;
      waiting.delete(job);
      drawn.then(resolve);
    }
  }
}

function opened() {
  const { name, width, height, count, rate, sound, truncated, number, line_px } = state.source;
  lastSource = number;
  document.body.classList.remove("empty");
  byId("welcome").hidden = true;
  byId("bench").hidden = byId("source").hidden = false;
  byId("strip").hidden = byId("follow").hidden = count === 1;
  byId("source-name").textContent = name;
  const facts = [`${width} × ${height}`];
  if (count > 1) facts.push(`${count} frames`, `${Number(rate.toFixed(2))} a second`);
  if (sound) facts.push("sound");
  if (truncated) facts.push("damaged: only its start can be read");
  byId("source-facts").textContent = facts.join(" · ");
  brush.source = { width, height };
  brush.least = line_px;
  sized();
  brush.wipe();
  timeline.open(state.source);
  for (const pane of [left, right]) pane.take(state, state.job !== null);
  look("mask");
  document.title = `${name} – PocketMatte studio`;
}

function tools(made, busy, templates) {
  const { choice } = state.panes.left;
  const people = choice.way === "rvm";
  const none = state.rounds.length === 0;
  for (const id of ["find", "keep", "remove", "size", "fresh"]) byId(id).disabled = people;
  byId("find").disabled ||= busy;
  byId("undo").disabled = busy || !state.can_undo;
  byId("redo").disabled = busy || !state.can_redo;
  byId("clear").disabled = busy || none;
  byId("follow").disabled = busy || people || none || Boolean(made?.current && made.followed);
  byId("matte").disabled = busy || (!people && none) || Boolean(made?.current && made.matted);
  byId("export-button").disabled = !made && !state.panes.right.made;
  const frames = templates.length > 6 ? `${templates.length} frames` : `frame${templates.length > 1 ? "s" : ""} ${templates.join(", ")}`;
  byId("rounds").textContent = people ? "RVM finds people by itself: matte at once."
    : none ? "Find the subject, or paint over it." : `${state.rounds.length} round${state.rounds.length > 1 ? "s" : ""} on ${frames}`;
}

function progress() {
  const { job } = state;
  byId("job").hidden = job === null;
  if (job === null) return;
  const whole = job.total ? ` ${job.done} of ${job.total}` : job.done ? ` ${job.done}` : "";
  byId("job-told").textContent = `${job.what}${job.step ? `: ${job.step}${whole}` : ""}`;
  bar(job.total ? job.done / job.total : null);
  const tenth = job.total ? ` ${Math.floor((10 * job.done) / job.total) * 10} %` : "";
  say(`${job.what}${job.step ? `, ${job.step}` : ""}${tenth}`);
}

function bar(share) {
  byId("bar").parentElement.classList.toggle("unknown", share === null);
  byId("bar").style.width = share === null ? "" : `${(100 * share).toFixed(1)}%`;
}

/** Tell a screen reader, once. */
function say(text) {
  if (text === told) return;
  told = text;
  byId("live").textContent = text;
}

function complain(text) {
  byId("error-told").textContent = text;
  byId("error").hidden = false;
}

async function draw() {
  if (!state?.source) return;
  const panes = byId("compare").checked ? [left, right] : [left];
  const failed = await Promise.all(panes.map((pane) => pane.show(timeline.frame, view, state.version)));
  const first = failed.find(Boolean);
  if (first) complain(first.message);
}

function look(at) {
  view = at;
  for (const each of document.querySelectorAll("[data-view]")) each.setAttribute("aria-checked", String(each.dataset.view === at));
  byId("behind-tools").hidden = at !== "cutout";
  if (at === "difference" && !byId("compare").checked) compare(true);
  return draw();
}

function compare(on) {
  byId("compare").checked = on;
  document.querySelector('[data-pane="right"]').hidden = !on;
  if (!on && view === "difference") look("mask");
  return draw();
}

function paint(positive) {
  brush.positive = positive;
  byId("keep").setAttribute("aria-checked", String(positive));
  byId("remove").setAttribute("aria-checked", String(!positive));
}

/** Give the brush the slider's size: from the thinnest line there is to a quarter of the frame. */
function sized() {
  const { width, height } = brush.source;
  const [least, most] = [brush.least ?? 1, Math.max(4, Math.min(width, height) / 4)];
  brush.sizePx = Math.max(1, least * (most / least) ** (Number(byId("size").value) / 100));
  byId("size-told").textContent = `${brush.sizePx.toFixed(0)} px`;
  brush.draw();
}

async function choose(pane, { changed, ...choice }) {
  if (!(await run("choose", { pane, ...choice }))) return take(state);
  if (changed && state.source.count === 1 && state.rounds.length && choice.way !== "rvm") {
    await run(pane === "left" ? "follow" : "matte", { pane }); // of one frame it takes a moment
  }
}

async function open(file) {
  if (!file) return;
  byId("error").hidden = true;
  byId("job").hidden = false;
  byId("job-told").textContent = `sending ${file.name}`;
  try {
    await ended(await send("open", file, bar));
  } catch (error) {
    byId("job").hidden = true;
    if (state) progress(); // a job that was begun meanwhile is still told of
    complain(error.message);
  }
}

function results() {
  byId("results").replaceChildren(...state.exports.map((each) => {
    const item = document.createElement("li");
    const link = Object.assign(document.createElement("a"), { href: `download/${each.number}`, download: each.name, textContent: each.name });
    link.append(Object.assign(document.createElement("span"), { textContent: `${(each.size_bytes / 1e6).toFixed(2)} MB` }));
    item.append(link);
    if (each.note) item.append(Object.assign(document.createElement("p"), { className: "small muted", textContent: each.note }));
    return item;
  }).reverse());
  exportForm();
}

function exportForm() {
  const [kind, pane] = [byId("export-kind").value, byId("export-pane").value];
  const made = state.panes[pane].made;
  const moving = !["mask", "trace"].includes(kind);
  byId("export-behind").disabled = !moving;
  let why = "";
  if (!made) why = "This pane has not run yet.";
  else if (moving && !(made.current && made.matted)) why = "Matte this pane first; the mask of a frame can be exported at once.";
  else if (kind === "mask") why = `Of frame ${timeline.frame}.`;
  else if (kind === "trace") why = "What the networks were given, with PyTorch's answers: up to 8 frames a network.";
  else if (kind === "mp4" && byId("export-behind").value === "none") why = "MP4 holds no alpha: green lies behind.";
  else if (state.source.sound) why = kind === "png" ? "Pictures hold no sound." : "Sound is kept.";
  byId("export-note").textContent = why;
  byId("export-go").disabled = state.job !== null || !made || (moving && !(made.current && made.matted));
  const words = state.panes[pane].command;
  byId("command").textContent = `pocketmatte cut ${state.source.argument} ${words} --out cut.${moving && kind !== "png" ? kind : "webm"}`;
  byId("rounds-link").hidden = !state.rounds.length;
}

async function take_away() {
  const behind = byId("export-behind").value;
  const body = {
    pane: byId("export-pane").value, kind: byId("export-kind").value, frame: timeline.frame,
    behind: behind === "colour" ? byId("colour").value.slice(1) : behind,
  };
  const before = state.exports.at(-1)?.number ?? 0;
  await run("export", body);
  if ((state.exports.at(-1)?.number ?? 0) > before) byId("results").querySelector("a").click();
}

const on = (id, event, act) => byId(id).addEventListener(event, act);
on("file", "change", () => { open(byId("file").files[0]); byId("file").value = ""; });
for (const id of ["open-button", "choose-button"]) on(id, "click", () => byId("file").click());
on("picture-button", "click", () => byId("picture").click());
on("find", "click", () => run("find", { frame: timeline.frame }));
on("keep", "click", () => paint(true));
on("remove", "click", () => paint(false));
on("size", "input", sized);
on("undo", "click", () => run("undo"));
on("redo", "click", () => run("redo"));
on("clear", "click", () => run("clear"));
on("follow", "click", () => run("follow", { pane: "left" }));
on("matte", "click", () => run("matte", { pane: "left" }));
on("stop", "click", () => run("cancel"));
on("compare", "change", () => compare(byId("compare").checked));
on("error-close", "click", () => { byId("error").hidden = true; });
on("behind", "change", behindChanged);
on("colour", "input", behindChanged);
on("picture", "change", async () => {
  const file = byId("picture").files[0];
  byId("picture").value = "";
  if (!file) return;
  try {
    await send("background", file, () => {});
    byId("behind").value = "picture";
    behindChanged();
  } catch (error) {
    complain(error.message);
  }
});
on("keys-button", "click", () => byId("keys").showModal());
on("export-button", "click", () => { exportForm(); byId("export").showModal(); });
on("export-kind", "change", exportForm);
on("export-pane", "change", exportForm);
on("export-behind", "change", exportForm);
on("export-go", "click", take_away);
on("copy", "click", () => navigator.clipboard.writeText(byId("command").textContent).then(() => say("copied"), () => complain("the browser gave no access to the clipboard; select the command")));
for (const each of document.querySelectorAll("[data-view]")) each.addEventListener("click", () => look(each.dataset.view));

function behindChanged() {
  const kind = byId("behind").value;
  byId("colour").hidden = kind !== "colour";
  byId("picture-button").hidden = kind !== "picture";
  for (const pane of [left, right]) pane.layBehind(kind, byId("colour").value, state?.background ?? 0);
}
behindChanged();

listenToDrops(open);
listenToKeys({ state: () => state, timeline, paint, look, compare, sized });

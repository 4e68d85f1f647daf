// The keyboard.

const byId = (id) => document.getElementById(id);
const VIEWS = ["frame", "mask", "alpha", "cutout", "difference"];

/**
 * Listen to keys.
 * @param page what they act on: state(), timeline, paint(positive), look(view), compare(on), sized()
 */
export function listenToKeys(page) {
  const { timeline } = page;
  const resize = (by) => {
    byId("size").value = String(Number(byId("size").value) + by);
    page.sized();
  };
  const keys = {
    f: () => byId("find").click(), b: () => page.paint(true), e: () => page.paint(false),
    z: () => byId("undo").click(), Z: () => byId("redo").click(), x: () => byId("clear").click(),
    p: () => byId("follow").click(), m: () => byId("matte").click(),
    c: () => page.compare(!byId("compare").checked), s: () => byId("export-button").click(),
    t: () => timeline.nextTemplate(), "?": () => byId("keys").showModal(),
    "[": () => resize(-5), "]": () => resize(5),
    " ": () => timeline.toggle(), Escape: () => byId("stop").click(),
    ArrowLeft: (event) => timeline.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => timeline.step(event.shiftKey ? 10 : 1),
  };
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("select, input:not([type=checkbox]):not(#scrub), dialog *");
    const state = page.state();
    if (!state?.source || typing || document.querySelector("dialog[open]")) return;
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (!undo && (event.ctrlKey || event.metaKey || event.altKey)) return;
    if (event.key === " " && event.target.matches("button, input[type=checkbox]")) return;
    const view = VIEWS[Number(event.key) - 1];
    const act = view ? () => page.look(view) : keys[undo ? (event.shiftKey ? "Z" : "z") : event.key];
    if (!act || (event.key === "Escape" && state.job === null)) return;
    event.preventDefault();
    act(event);
  });
}

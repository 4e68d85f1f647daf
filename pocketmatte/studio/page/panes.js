// The panes: what each runs, what it shows of a frame, and what was measured.

import { picture } from "./talk.js";

const WAYS = { stfam: "Trimaps + ST-FAM", mask: "Soft mask", matanyone: "MatAnyone", rvm: "RVM, people" };
const FORMATS = { torch: "PyTorch", onnx: "ONNX", executorch: "ExecuTorch", coreml: "Core ML", coreai: "Core AI" };
const DIFFERENCE = "orange: more on the left, blue: more on the right";

export class Pane {
  /**
   * @param root the section
   * @param onChoose takes {way, tier, form, recipe}
   * @param onRun runs what was chosen; null where the tools do
   */
  constructor(root, onChoose, onRun) {
    this.name = root.dataset.pane;
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.base = root.querySelector(".base");
    this.over = root.querySelector(".over");
    this.behind = root.querySelector(".behind-layer");
    this.nothing = root.querySelector(".nothing");
    this.figures = root.querySelector(".figures");
    this.asked = 0;
    this.shown = {};
    const side = this.name === "left" ? "left" : "right";
    const select = (label, onChange) => {
      const made = document.createElement("select");
      made.setAttribute("aria-label", `${label} of the ${side} pane`);
      made.dataset.of = label.toLowerCase();
      made.addEventListener("change", onChange);
      root.querySelector(".selects").append(made);
      return made;
    };
    const choose = (changed) => () => onChoose(this.#chosen(changed));
    this.way = select("Way", choose("way"));
    this.tier = select("Tier", choose("tier"));
    this.engine = select("Format", choose("engine"));
    this.run = null;
    if (onRun) {
      this.run = document.createElement("button");
      this.run.className = "run primary";
      this.run.type = "button";
      this.run.textContent = "Run";
      this.run.addEventListener("click", onRun);
      root.querySelector(".selects").append(this.run);
    }
    new ResizeObserver(() => this.fit()).observe(root.querySelector(".room"));
  }

  /** Take a new state: choices that can be made, and what was made of the present one. */
  take(state, busy) {
    this.state = state.panes[this.name];
    this.engines = state.engines;
    this.source = state.source;
    const { choice, made } = this.state;
    const index = this.engines.findIndex((each) => each.form === choice.form && each.recipe === choice.recipe);
    options(this.engine, this.engines.map((each, at) => [at, engineName(each)]), index);
    const engine = this.engines[index];
    options(this.way, Object.keys(WAYS).filter((way) => engine.tiers[way]?.length).map((way) => [way, WAYS[way]]), choice.way);
    options(this.tier, engine.tiers[choice.way].map((tier) => [tier, tier]), choice.tier);
    for (const each of [this.way, this.tier, this.engine]) each.disabled = busy;
    if (this.run) {
      this.run.hidden = Boolean(made?.current && made.matted);
      this.run.disabled = busy || (choice.way !== "rvm" && !state.rounds.length);
    }
    this.figures.replaceChildren(...this.#measured(made));
    this.fit();
  }

  /** Show a frame; `version` changes whenever a picture may have. */
  async show(frame, view, version) {
    if (!this.source) return null;
    const number = ++this.asked;
    const key = `${this.source.number}/${frame}`;
    const base = view === "cutout" || this.shown.base === key ? null : picture(`picture/frame/${frame}`);
    const over = view === "frame" ? null : picture(view === "difference"
      ? `picture/difference/${frame}?v=${version}` : `picture/${view}/${this.name}/${frame}?v=${version}`);
    const [first, second] = await Promise.allSettled([base, over]);
    const failed = first.status === "rejected" ? first.reason : null;
    const late = number !== this.asked;
    if (!late && first.value) {
      await swap(this.base, first.value.address);
      this.shown.base = key;
    }
    if (!late && second.value?.address) await swap(this.over, second.value.address);
    if (late) {
      for (const each of [first.value, second.value]) if (each?.address) URL.revokeObjectURL(each.address);
      return null;
    }
    const there = Boolean(second.value?.address);
    if (!there && view === "cutout" && this.shown.base !== key) {
      const whole = await picture(`picture/frame/${frame}`);
      await swap(this.base, whole.address);
      this.shown.base = key;
    }
    this.over.hidden = !there;
    this.base.hidden = view === "cutout" && there;
    this.behind.hidden = !(view === "cutout" && there);
    this.over.alt = there ? `${view} of frame ${frame}` : "";
    const said = second.status === "rejected" ? second.reason.message : second.value?.nothing ?? "";
    const difference = second.value?.difference;
    this.nothing.textContent = difference ? `mean difference ${Number(difference).toFixed(4)} · ${DIFFERENCE}` : said;
    this.nothing.hidden = !this.nothing.textContent;
    this.root.dataset.shows = `${frame} ${there ? view : "frame"} ${version}`;
    return failed;
  }

  /** Lay a colour, the picture, or a checkerboard behind the cut-out. */
  layBehind(kind, colour, version) {
    this.behind.classList.toggle("picture", kind === "picture");
    this.behind.style.backgroundImage = kind === "colour" ? "none" : kind === "picture" ? `url("behind?v=${version}")` : "";
    this.behind.style.backgroundColor = kind === "colour" ? colour : "";
  }

  /** Give the stage the source's shape, as large as there is room. */
  fit() {
    if (!this.source) return;
    const room = this.root.querySelector(".room").getBoundingClientRect();
    const { width, height } = this.source;
    const scale = Math.min(room.width / width, room.height / height);
    this.stage.style.width = `${Math.floor(width * scale)}px`;
    this.stage.style.height = `${Math.floor(height * scale)}px`;
  }

  /** Return what is chosen now, mended where one select rules out what another one had. */
  #chosen(changed) {
    const engine = this.engines[Number(this.engine.value)];
    const ways = Object.keys(WAYS).filter((each) => engine.tiers[each]?.length);
    const way = ways.includes(this.way.value) ? this.way.value : ways[0];
    const tiers = engine.tiers[way];
    const tier = tiers.includes(this.tier.value) ? this.tier.value : tiers[0];
    return { way, tier, form: engine.form, recipe: engine.recipe, changed };
  }

  #measured(made) {
    const bold = (text) => Object.assign(document.createElement("b"), { textContent: text });
    if (!made) return ["not run yet"];
    const parts = [];
    if (made.frame_ms !== null) parts.push(bold(`${made.frame_ms.toFixed(1)} ms`), " a frame · ");
    if (made.size_bytes) parts.push(bold(`${(made.size_bytes / 1e6).toFixed(1)} MB`), " · on this host");
    this.figures.title = made.figures
      .map((each) => `${each.network}: ${each.frame_ms.toFixed(1)} ms, ${(each.size_bytes / 1e6).toFixed(2)} MB`)
      .join("\n");
    if (!made.current) {
      const stale = Object.assign(document.createElement("span"), { className: "stale", textContent: "older rounds" });
      parts.push(parts.length ? " · " : "", stale);
    }
    return parts.length ? parts : ["not run yet"];
  }
}

function engineName({ form, recipe }) {
  return form === "torch" ? FORMATS.torch : `${FORMATS[form] ?? form} ${recipe}`;
}

function options(select, pairs, chosen) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.pairs !== wanted) {
    select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
    select.dataset.pairs = wanted;
  }
  select.value = String(chosen);
}

async function swap(image, address) {
  const old = image.src;
  const ready = new Image();
  ready.src = address;
  await ready.decode();
  image.src = address;
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
}

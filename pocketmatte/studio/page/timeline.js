// The timeline: where we are, which frames are templates, how far the subject was carried.

const MOST_THUMBS = 20;

export class Timeline {
  /** @param onFrame takes the number of the frame to show */
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.frame = 0;
    this.count = 1;
    this.rate = 30;
    this.playing = false;
    this.scrub = document.getElementById("scrub");
    this.thumbs = document.getElementById("thumbs");
    this.marks = document.getElementById("marks");
    this.told = document.getElementById("frame-told");
    this.button = document.getElementById("play");
    this.scrub.addEventListener("input", () => this.go(Number(this.scrub.value)));
    this.button.addEventListener("click", () => this.toggle());
    document.getElementById("previous").addEventListener("click", () => this.step(-1));
    document.getElementById("next").addEventListener("click", () => this.step(1));
  }

  /** Take another source. */
  open({ count, rate, number }) {
    this.pause();
    [this.count, this.rate, this.frame] = [count, rate, 0];
    this.scrub.max = String(count - 1);
    const shown = Math.min(count, MOST_THUMBS);
    this.thumbs.replaceChildren(...Array.from({ length: shown }, (_, index) => {
      const image = new Image();
      image.alt = "";
      image.src = `picture/thumb/${Math.floor(((index + 0.5) * count) / shown)}?v=${number}`;
      return image;
    }));
    this.draw();
  }

  /** Take a new state. */
  take(templates, reached, matted) {
    this.templates = templates;
    const at = (frame) => `${(100 * frame) / Math.max(1, this.count - 1)}%`;
    const made = (name, left) => {
      const mark = document.createElement("div");
      mark.className = name;
      if (left !== undefined) mark.style.left = left;
      return mark;
    };
    this.head = made("head", at(this.frame));
    const line = reached || matted ? [made(matted ? "reached matted" : "reached")] : [];
    this.marks.replaceChildren(...line, this.head, ...templates.map((frame) => made("template", at(frame))));
    this.draw();
  }

  /** Show a frame. */
  go(frame) {
    const held = Math.min(Math.max(frame, 0), this.count - 1);
    if (held === this.frame) return this.draw();
    this.frame = held;
    this.draw();
    return this.onFrame(held);
  }

  step(by) {
    this.pause();
    return this.go(this.frame + by);
  }

  /** Go to the next frame that was painted on. */
  nextTemplate() {
    const later = this.templates?.find((frame) => frame > this.frame) ?? this.templates?.[0];
    if (later !== undefined) this.go(later);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.#play();
  }

  pause() {
    this.playing = false;
    this.button.textContent = "▶";
    this.button.setAttribute("aria-label", "Play");
  }

  draw() {
    this.scrub.value = String(this.frame);
    const bold = Object.assign(document.createElement("b"), { textContent: String(this.frame) });
    this.told.replaceChildren("frame ", bold, ` of ${this.count}`);
    this.scrub.setAttribute("aria-valuetext", `frame ${this.frame} of ${this.count}`);
    if (this.head) this.head.style.left = `${(100 * this.frame) / Math.max(1, this.count - 1)}%`;
  }

  /** Show one frame after the other at the source's pace; frames that are not ready are left out. */
  async #play() {
    this.playing = true;
    this.button.textContent = "❚❚";
    this.button.setAttribute("aria-label", "Pause");
    const from = this.frame === this.count - 1 ? 0 : this.frame;
    const begun = performance.now();
    let shown = from - 1;
    while (this.playing) {
      await new Promise(requestAnimationFrame);
      const due = from + Math.floor(((performance.now() - begun) / 1000) * this.rate);
      if (due === shown) continue;
      shown = due;
      await this.go(Math.min(due, this.count - 1));
      if (due >= this.count - 1) this.pause();
    }
  }
}

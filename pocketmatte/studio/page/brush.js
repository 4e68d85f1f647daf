// The brush: strokes of mouse, pen and finger, in pixels of the source.

const COLOURS = { true: "rgb(92 184 255 / 75%)", false: "rgb(255 150 60 / 80%)" };

export class Brush {
  /**
   * @param canvas laid over the picture
   * @param onStroke takes {positive, size_px, points}; gives a promise of when its ink may go
   */
  constructor(canvas, onStroke) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.onStroke = onStroke;
    this.positive = true;
    this.sizePx = 10;
    this.enabled = false;
    this.source = { width: 1, height: 1 };
    this.strokes = []; // whose ink is still seen
    this.active = null;
    this.pointer = null; // where the ring is drawn
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", () => this.#drop());
    canvas.addEventListener("pointerleave", () => { this.pointer = null; this.draw(); });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  /** Draw ink and ring anew. */
  draw() {
    const { width, height } = this.canvas;
    const scale = width / this.source.width;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.clearRect(0, 0, width, height);
    this.pen.setTransform(scale, 0, 0, scale, scale / 2, scale / 2);
    this.pen.lineCap = this.pen.lineJoin = "round";
    for (const stroke of [...this.strokes, ...(this.active ? [this.active] : [])]) this.#ink(stroke);
    if (this.pointer && this.enabled) this.#ring(scale);
    this.canvas.classList.toggle("idle", !this.enabled);
  }

  /** Let go of all ink, as when another frame is shown. */
  wipe() {
    this.strokes = [];
    this.active = null;
    this.draw();
  }

  #ink(stroke) {
    this.pen.strokeStyle = this.pen.fillStyle = COLOURS[stroke.positive];
    this.pen.lineWidth = stroke.size_px;
    this.pen.beginPath();
    const [first, ...rest] = stroke.points;
    this.pen.moveTo(...first);
    for (const point of rest.length ? rest : [[first[0] + 0.01, first[1]]]) this.pen.lineTo(...point);
    this.pen.stroke();
  }

  #ring(scale) {
    const sign = this.pointer.positive ? "+" : "−";
    this.pen.beginPath();
    this.pen.arc(this.pointer.x, this.pointer.y, Math.max(this.sizePx / 2, 3 / scale), 0, 7);
    for (const [colour, wide] of [["rgb(0 0 0 / 70%)", 3.5], [COLOURS[this.pointer.positive], 1.8]]) {
      this.pen.strokeStyle = colour;
      this.pen.lineWidth = (wide * devicePixelRatio) / scale;
      this.pen.stroke();
    }
    const tall = (13 * devicePixelRatio) / scale;
    this.pen.font = `700 ${tall}px system-ui, sans-serif`;
    this.pen.lineWidth = tall / 4;
    const at = [this.pointer.x + this.sizePx / 2 + tall / 4, this.pointer.y - this.sizePx / 2];
    this.pen.strokeStyle = "rgb(0 0 0 / 70%)";
    this.pen.strokeText(sign, ...at);
    this.pen.fillStyle = "#fff";
    this.pen.fillText(sign, ...at);
  }

  #fit() {
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    this.draw();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.source;
    const x = ((event.clientX - box.left) / box.width) * width - 0.5;
    const y = ((event.clientY - box.top) / box.height) * height - 0.5;
    const held = (value, last) => Math.round(Math.min(Math.max(value, 0), last) * 100) / 100;
    return [held(x, width - 1), held(y, height - 1)];
  }

  #sign(event) {
    return this.positive !== (event.altKey || event.buttons === 2);
  }

  #begin(event) {
    if (!this.enabled || this.active || (event.button !== 0 && event.button !== 2)) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.active = {
      id: event.pointerId, positive: this.#sign(event), size_px: this.sizePx,
      points: [this.#place(event)],
    };
    this.draw();
  }

  #move(event) {
    const [x, y] = this.#place(event);
    this.pointer = { x, y, positive: this.active ? this.active.positive : this.#sign(event) };
    if (this.active?.id === event.pointerId) {
      const between = event.getCoalescedEvents?.() ?? [];
      for (const each of between.length ? between : [event]) this.active.points.push(this.#place(each));
    }
    this.draw();
  }

  #end(event) {
    if (this.active?.id !== event.pointerId) return;
    const { id, ...stroke } = this.active;
    this.active = null;
    this.strokes.push(stroke);
    if (event.pointerType !== "mouse") this.pointer = null;
    this.draw();
    this.onStroke(stroke).finally(() => {
      this.strokes = this.strokes.filter((each) => each !== stroke);
      this.draw();
    });
  }

  #drop() {
    this.active = null;
    this.draw();
  }
}

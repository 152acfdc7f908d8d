// Asks for a report again and again: often while somebody looks, now and then while nobody does.

const lookedAt = 2000;  // milliseconds
const hidden = 30000;
const patience = 5000;

export class Poll {
  #timer = 0;
  #asking = false;
  #paused = false;

  constructor(url, { onReport, onSilence }) {
    Object.assign(this, { url, onReport, onSilence });
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  start() {
    this.#ask();
  }

  pause(paused) {
    this.#paused = paused;
    clearTimeout(this.#timer);
    if (!paused) this.#ask();
  }

  async #ask() {
    if (this.#asking || this.#paused) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const report = await this.#fetch().catch(() => null);
    this.#asking = false;
    if (this.#paused) return;
    this.#timer = setTimeout(() => this.#ask(), document.hidden ? hidden : lookedAt);
    if (report) this.onReport(report);
    else this.onSilence();
  }

  async #fetch() {
    const signal = AbortSignal.timeout(patience);
    const answer = await fetch(this.url, { cache: "no-store", signal });
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    return answer.json();
  }
}

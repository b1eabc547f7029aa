// The log panel: lines as text nodes, many per animation frame, following the end unless the reader scrolled up.

const LINES_PER_FRAME = 2000;
const LINES_PER_BLOCK = 200; // the browser lays out a block at a time, so a long log stays quick
const NEAR_THE_END = 32; // pixels

export class JobLog {
  constructor(panel) {
    this.box = panel.querySelector("[data-log-lines]");
    this.counter = panel.querySelector("[data-log-count]");
    this.empty = panel.querySelector("[data-log-empty]");
    this.toEnd = panel.querySelector("[data-log-end]");
    [this.texts, this.waiting, this.following, this.count] = [[], [], true, 0];
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.toEnd.addEventListener("click", () => this.follow());
    document.addEventListener("visibilitychange", () => this.schedule());
    this.bindCopy(panel.querySelector("[data-log-copy]"));
  }

  line(number, level, text) {
    this.texts.push(text);
    this.waiting.push({ number, level, text });
    this.count += 1;
    this.schedule();
  }

  separator(attempt, text) {
    this.texts.push(`——— ${text} ———`);
    this.waiting.push({ attempt, level: "separator", text });
    this.schedule();
  }

  // The worker's name is known a moment after the attempt's first line.
  nameAttempt(attempt, text) {
    const found = this.box.querySelector(`[data-attempt="${attempt}"]`);
    if (found && found.textContent !== text) found.textContent = text;
  }

  schedule() {
    // A hidden tab draws no frames; its lines wait until it is shown.
    if (this.frame || !this.waiting.length || document.hidden) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.flush();
    });
  }

  flush() {
    this.empty.hidden = true;
    const begun = this.box.childElementCount;
    for (const entry of this.waiting.splice(0, LINES_PER_FRAME)) this.block().append(element(entry));
    this.settle([...this.box.children].slice(Math.max(0, begun - 1), -1));
    this.counter.textContent = this.count === 1 ? "1 line" : `${this.count.toLocaleString("en")} lines`;
    if (this.following) this.box.scrollTop = this.box.scrollHeight;
    this.schedule();
  }

  block() {
    let last = this.box.lastElementChild;
    if (!last || last.childElementCount >= LINES_PER_BLOCK) {
      last = document.createElement("div");
      this.box.append(last);
    }
    return last;
  }

  // A full block never changes again: with its height noted, the browser need not lay it out to know how long the log is.
  settle(blocks) {
    const heights = blocks.map((block) => block.offsetHeight);
    blocks.forEach((block, index) => {
      block.style.containIntrinsicBlockSize = `auto ${heights[index]}px`;
      block.classList.add("job-log-full");
    });
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    // Only a move upwards is a reader's wish; new lines below are not.
    if (isNear) this.following = true;
    else if (scrollTop < (this.lastTop ?? 0)) this.following = false;
    this.lastTop = scrollTop;
    this.toEnd.hidden = this.following;
  }

  follow() {
    this.following = true;
    this.toEnd.hidden = true;
    this.box.scrollTop = this.box.scrollHeight;
    this.box.focus();
  }

  bindCopy(button) {
    // `copy.js` copies the attribute a moment later; it is not kept up to date with every line.
    button.addEventListener("click", () => (button.dataset.copy = `${this.texts.join("\n")}\n`));
  }
}

function element({ number, attempt, level, text }) {
  const line = document.createElement("div");
  line.className = `job-log-line job-log-${level}`;
  if (number) line.dataset.number = number; // shown by CSS, so that it is not copied with the text
  if (attempt) line.dataset.attempt = attempt;
  line.textContent = text || " ";
  return line;
}

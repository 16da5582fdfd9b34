// What ran, under the picture: one lane for each depth.

const LANE = 19, NARROW = 3, MOST_SPANS = 1500;

class Spans {
  constructor(course, choose) {
    this.spans = inLanes(course.spans);
    this.lanes = this.spans.reduce((most, span) => Math.max(most, span.lane + 1), 0);
    this.choose = choose;
    this.root = element("div", { class: "spans", role: "group", "aria-label": "modules that ran" });
    this.root.addEventListener("keydown", (event) => this.step(event));
    this.hint = element("p", { class: "quiet" });
  }

  // from, to: moments at the edges; left, width: pixels of the picture above.
  draw(from, to, left, width, chosen) {
    const scale = width / Math.max(to - from, 1), shown = [];
    let narrow = 0, lowest = 0;
    for (const span of this.spans) {
      const begin = Math.max(span.first, from), end = Math.min(span.last, to);
      if (end <= begin) continue;
      if ((end - begin) * scale < NARROW || shown.length >= MOST_SPANS) { narrow++; continue; }
      lowest = Math.max(lowest, span.lane + 1);
      shown.push(this.button(span, left + (begin - from) * scale, (end - begin) * scale, chosen));
    }
    if (shown.length) shown[0].tabIndex = 0;
    this.root.replaceChildren(...shown, element("div", { style: `height:${lowest * LANE}px` }));
    this.hint.textContent = narrow ? `${narrow.toLocaleString("en")} more too narrow to draw: zoom in to see them.` : "";
  }

  button(span, left, width, chosen) {
    const name = span.fqn || span.what;
    const said = `${span.what} ${span.fqn}`.trim();
    const made = element("button", {
      type: "button", tabindex: "-1", title: said, "aria-label": said,
      class: `what-${span.what}${chosen && span.fqn === chosen ? " chosen" : ""}`,
      style: `left:${left.toFixed(2)}px;width:${width.toFixed(2)}px;top:${span.lane * LANE}px`,
      onclick: () => this.choose(span.fqn),
    }, width > 14 ? (span.lane ? name.slice(name.lastIndexOf(".") + 1) : name) : "");
    return made;
  }

  // One stop for the Tab key, arrows between the spans.
  step(event) {
    const buttons = [...this.root.querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[at].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }
}

function inLanes(spans) {
  const open = [];
  return spans.map((span) => {
    for (let i = open.length - 1; i >= 0; i--) if (open[i].last <= span.first) open.splice(i, 1);
    const lane = open.reduce((most, each) => Math.max(most, each.lane + 1), 0);
    const placed = { ...span, lane };
    open.push(placed);
    return placed;
  });
}

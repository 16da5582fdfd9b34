// The course of a footprint: every tensor with its moments. What `columns.py` packs.

async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Course(JSON.parse(await new Response(stream).text()));
}

function summed(steps) {
  const found = new Int32Array(steps.length);
  for (let i = 0, at = 0; i < steps.length; i++) found[i] = at += steps[i];
  return found;
}

class Course {
  constructor(columns) {
    const words = columns.strings;
    this.moments = columns.last; // numbered from 0 (before the first event) to this (after the last)
    this.look = Int32Array.from(columns.look);
    this.born = summed(columns.born);
    this.freed = this.born.map((at, i) => at + columns.lasts[i]);
    this.bytes = Float64Array.from(columns.bytes);
    this.looks = columns.looks.map(([type, fqn, op, spec, device, source], number) =>
      ({ number, type: words[type], fqn: words[fqn], op: words[op], spec: words[spec], device: words[device], source: words[source] }));
    const first = summed(columns.spans.first);
    this.spans = Array.from(first, (at, i) =>
      ({ what: words[columns.spans.what[i]], fqn: words[columns.spans.fqn[i]], first: at, last: at + columns.spans.lasts[i] }));
    this.marks = columns.marks.map(([name, at]) => ({ name, at }));
  }

  // Which looks a filter lets through: {device, types: Set (empty for all), fqn ("" for all)}.
  chosen(filter) {
    const { device, types, fqn } = filter;
    return this.looks.map((look) => look.device === device && (!types.size || types.has(look.type)) && inside(look.fqn, fqn));
  }

  // Bytes at every moment, by type and together.
  series(filter) {
    const chosen = this.chosen(filter), byType = new Map(), total = new Float64Array(this.moments + 1);
    for (let i = 0; i < this.look.length; i++) {
      const look = this.look[i];
      if (!chosen[look]) continue;
      const type = this.looks[look].type;
      if (!byType.has(type)) byType.set(type, new Float64Array(this.moments + 1));
      const column = byType.get(type);
      column[this.born[i]] += this.bytes[i];
      if (this.freed[i] <= this.moments) column[this.freed[i]] -= this.bytes[i];
    }
    let peak = 0;
    for (const column of byType.values()) for (let at = 1; at <= this.moments; at++) column[at] += column[at - 1];
    for (const column of byType.values()) for (let at = 0; at <= this.moments; at++) total[at] += column[at];
    for (let at = 1; at <= this.moments; at++) if (total[at] > total[peak]) peak = at;
    return { byType, total, peak };
  }

  // What is alive at a moment, alike tensors together, largest first.
  alive(moment, filter) {
    const chosen = this.chosen(filter), found = new Map();
    for (let i = 0; i < this.look.length && this.born[i] <= moment; i++) {
      const look = this.look[i];
      if (moment >= this.freed[i] || !chosen[look]) continue;
      const row = found.get(look);
      if (row) { row.count++; row.bytes += this.bytes[i]; }
      else found.set(look, { ...this.looks[look], count: 1, bytes: this.bytes[i] });
    }
    return [...found.values()].sort((one, other) => other.bytes - one.bytes || one.number - other.number);
  }
}

function inside(fqn, module) { return !module || fqn === module || fqn.startsWith(`${module}.`); }

// The moments to draw in a range: all, or of each stretch the highest and the lowest. Each is a real moment.
function thinned(total, from, to, most) {
  const count = to - from + 1;
  if (count <= most) return Array.from({ length: count }, (_, i) => from + i);
  const buckets = Math.floor(most / 2), found = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const begin = from + Math.floor((bucket * count) / buckets);
    const end = from + Math.floor(((bucket + 1) * count) / buckets);
    let low = begin, high = begin;
    for (let at = begin + 1; at < end; at++) {
      if (total[at] < total[low]) low = at;
      if (total[at] > total[high]) high = at;
    }
    found.push(Math.min(low, high));
    if (low !== high) found.push(Math.max(low, high));
  }
  if (found[0] !== from) found.unshift(from);
  if (found.at(-1) !== to) found.push(to);
  return found;
}

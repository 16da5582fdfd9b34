// The course of an earlier run, laid over this one: where the same modules begin and end, the two are brought together.

class Earlier {
  constructor(course, now, device) {
    this.total = course.series({ device, types: new Set(), fqn: "" }).total;
    [this.then, this.now] = anchors(course, now);
  }

  highest(from, to) { return this.points(from, to, 2000).reduce((most, [, nbytes]) => Math.max(most, nbytes), 0); }

  // Corners of the line between two moments of this run.
  points(from, to, most) {
    const first = Math.max(0, Math.floor(moved(from, this.now, this.then)));
    const last = Math.min(this.total.length - 1, Math.ceil(moved(to, this.now, this.then)));
    if (last < first) return [];
    const found = [];
    for (const at of thinned(this.total, first, last, most)) {
      const x = moved(at, this.then, this.now);
      if (found.length) found.push([x, found.at(-1)[1]]);
      found.push([x, this.total[at]]);
    }
    return found;
  }
}

// Moments that belong together, in both runs ever later: the edges of spans that both have.
function anchors(then, now) {
  const edges = new Map(), pairs = [[0, 0]];
  for (const [name, at] of spanEdges(now)) edges.set(name, at);
  for (const [name, at] of spanEdges(then)) if (edges.has(name)) pairs.push([at, edges.get(name)]);
  pairs.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  const kept = [pairs[0]];
  for (const pair of pairs) if (pair[0] > kept.at(-1)[0] && pair[1] > kept.at(-1)[1]) kept.push(pair);
  const end = [then.moments, now.moments];
  while (kept.length > 1 && (kept.at(-1)[0] >= end[0] || kept.at(-1)[1] >= end[1])) kept.pop();
  kept.push(end);
  return [kept.map(([at]) => at), kept.map(([, at]) => at)];
}

function* spanEdges(course) {
  const seen = new Map();
  for (const { what, fqn, first, last } of course.spans) {
    const name = `${what} ${fqn}`, count = (seen.get(name) || 0) + 1;
    seen.set(name, count);
    yield [`${name} ${count} begin`, first];
    yield [`${name} ${count} end`, last];
  }
}

// A moment of one run as one of the other, on the straight line between its neighbours.
function moved(at, from, to) {
  let low = 0, high = from.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= at) low = middle; else high = middle;
  }
  return to[low] + ((at - from[low]) * (to[high] - to[low])) / Math.max(from[high] - from[low], 1);
}

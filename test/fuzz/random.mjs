// A stream of random numbers of its own for each damaged file, so that one file can be made again without those before
// it.

/** @param {string} name for instance "3/png/17": seed, reader, number of the file */
export function stream(name) {
  let a = 2166136261
  for (let i = 0; i < name.length; i++) a = Math.imul(a ^ name.charCodeAt(i), 16777619)
  const next = () => {
    // Mulberry32.
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (n) => Math.floor(next() * n)
  return { next, below, pick: (list) => list[below(list.length)], chance: (p) => next() < p }
}

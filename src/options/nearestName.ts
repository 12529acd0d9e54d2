import { closest, distance } from 'fastest-levenshtein'

/** The candidate that `name` most likely meant: fewest edits, ignoring case, hyphens and underscores. */
export function nearestName(name: string, candidates: readonly string[]): string {
  const bare = (text: string): string => text.toLowerCase().replace(/[-_]/g, '')
  const prefixed = candidates.filter((candidate) => bare(name).length > 2 && bare(candidate).startsWith(bare(name)))
  if (prefixed.length > 0) return prefixed.reduce((a, b) => (distance(a, name) <= distance(b, name) ? a : b))
  const index = candidates.map(bare)
  return candidates[index.indexOf(closest(bare(name), index))] ?? name
}

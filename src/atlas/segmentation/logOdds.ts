/** Log-odds of a probability that is kept `doubt` off certainty. */
export function logOdds(p: number, doubt: number): number {
  const kept = Math.min(Math.max(p, doubt), 1 - doubt)
  return Math.log(kept / (1 - kept))
}

/** The probability of log-odds. */
export const probability = (odds: number): number => 1 / (1 + Math.exp(-odds))

/** How long and how roughly it is proven. */
export interface ProofPlan {
  readonly toys: number
  readonly real: number
  readonly realSteps: number
  readonly workers: number
  /** Between two kills, on average. */
  readonly seconds: number
  /** At most. */
  readonly kills: number
  /** Seconds. */
  readonly lease: number
  readonly store: 'folder' | 's3'
  /** Seconds that Redis is gone, and that it hangs. */
  readonly outage: number
  /** Milliseconds that a step of a toy job takes, on average. */
  readonly toyDelay: number
  readonly seed: number
  /** Seconds. */
  readonly limit: number
}

export interface Proof {
  /** What went wrong; empty where every job was done once, with the right result. */
  readonly problems: readonly string[]
  readonly jobs: number
  readonly kills: number
  readonly takings: number
  /** Takings that went on from a checkpoint. */
  readonly resumed: number
  /** Those of real jobs among them. */
  readonly resumedReal: number
  readonly lost: number
  /** Seconds from a kill to the next taking of its job. */
  readonly recoveries: readonly number[]
  /** Requests to the store that got 503. */
  readonly refused: number
  readonly seconds: number
}

/** Has jobs worked on while workers are killed, Redis is killed once and hangs once, and the store answers 503 at times. */
export function prove(plan: ProofPlan, say: (line: string) => void): Promise<Proof>

export interface FuzzWork {
  readonly name: string
  readonly from: number
  readonly to: number
}

export function runFuzz(options: {
  readonly seed: number
  readonly work: readonly FuzzWork[]
}): Promise<{ reader: string | null; number: number; problem: string }[]>

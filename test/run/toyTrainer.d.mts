import type { OpenTrainer } from '../../src/session/trainerContract.js'

export function toyTrainer(options?: {
  delay?: number
  nanAt?: number
  onStep?: (step: number) => void
  onDispose?: () => void
}): OpenTrainer

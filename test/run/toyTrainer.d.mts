import type { OpenTrainer } from '../../src/run/trainerContract.js'

export function toyTrainer(options?: { delay?: number; nanAt?: number; onStep?: (step: number) => void; onDispose?: () => void }): OpenTrainer

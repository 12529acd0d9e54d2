import type { PerformJob } from '../../src/queue/performJob.js'

/** What the output of an undisturbed run holds. */
export function toyResult(options: { readonly toySteps: number; readonly seed: number }): string

/** `toySteps` steps of `toyDelay` milliseconds each, which train nothing. */
export const performToy: PerformJob

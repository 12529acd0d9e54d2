import type { FuzzWork } from './runFuzz.mjs'

export const readers: Readonly<Record<string, number>>
export function share(work: readonly FuzzWork[], parts: number): FuzzWork[][]

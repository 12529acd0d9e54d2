import type { Program } from '../../engine/runtime.js'
import type { StepGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'

/**
 * The compiled program of a graph, kept as long as its owner likes. @param kept outputs that stay on the device; all
 * others come back to the CPU
 */
export type Compiled = (key: string, size: Size, build: () => StepGraph, kept?: readonly string[]) => Promise<Program>

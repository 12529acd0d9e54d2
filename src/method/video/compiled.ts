import type { Program } from '../../engine/runtime.js'
import type { StepGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'

/** The compiled program of a graph, kept as long as its owner likes. */
export type Compiled = (key: string, size: Size, build: () => StepGraph) => Promise<Program>

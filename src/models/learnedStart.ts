import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { FileSource } from './fileSource.js'
import { type GeneratorShape, generatorParameters, parameterCount } from './generator.js'
import { type Phrases, noPhrases, readDirection } from './phraseReading.js'
import { openWeightFile, readJson } from './weightFile.js'

/**
 * First weights of the generator that a few steps turn into any edit: learned over many photos and prompts, with an
 * offset of some weights that is linear in the direction of the texts (scripts/start), so that the first picture
 * already shows the colour or material that the prompt asks for.
 */
export interface LearnedStart {
  readonly shape: GeneratorShape
  /** Flat, in the order of `generatorParameters`. */
  readonly parameters: Float32Array
  /** What depends on the texts, for one guidance model. */
  readonly conditioned: ConditionedPart
}

export interface ConditionedPart {
  /** The guidance model whose texts it reads, and the width D of their embeddings. */
  readonly guidance: string
  readonly embeddingWidth: number
  /** Parameters that are offset, by name: C numbers in all, in the order of the flat vector. */
  readonly names: readonly string[]
  /** [C, D], row-major. */
  readonly weight: Float32Array
  /** What it was taught, as its model says it: directions of texts are read by these. */
  readonly phrases: Phrases
}

const configSchema = z.object({
  format: z.literal('text2live-start-1'),
  generator: z.object({
    width: z.int().min(1).max(1024),
    skipWidth: z.int().min(1).max(64),
    levels: z.int().min(1).max(9),
  }),
  conditioned: z.object({
    guidance: z.string().min(1),
    embedding_width: z.int().min(1).max(8192),
    names: z.array(z.string()),
    phrases: z.array(z.string()).max(4096).default([]),
  }),
})

/**
 * Loads learned first weights from a folder laid out as models/start.
 * @throws GUIDANCE_INVALID for missing files, tensors or numbers; SAFETENSORS_INVALID
 */
export async function loadStart(source: FileSource): Promise<LearnedStart> {
  const path = `${source.location}/config.json`
  const parsed = configSchema.safeParse(await readJson(source, 'config.json'))
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map(({ path: at, message }) => `${at.join('.')}: ${message}`)
      .join('; ')
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to describe first weights of the generator: ${problems}. Copy the folder again.`,
    )
  }
  const {
    generator: shape,
    conditioned: { guidance, embedding_width: embeddingWidth, names, phrases: texts },
  } = parsed.data
  const known = new Set(generatorParameters(shape).map(({ name }) => name))
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to name parameters of its generator; "${unknown}" is none. Copy the folder again.`,
    )
  const count = conditionedIndices(shape, names).length
  const file = await openWeightFile(
    source,
    'start.safetensors',
    new Map([
      ['parameters', [parameterCount(shape)]],
      ['conditioned', [count, embeddingWidth]],
      ...(texts.length > 0 ? [['phrases', [texts.length, embeddingWidth]] as const] : []),
    ]),
  )
  const weights = await file.weights(['parameters', 'conditioned', ...(texts.length > 0 ? ['phrases'] : [])])
  const phrases = texts.length > 0 ? { texts, directions: weights.get('phrases')!.data } : noPhrases
  return {
    shape,
    parameters: weights.get('parameters')!.data,
    conditioned: { guidance, embeddingWidth, names, weight: weights.get('conditioned')!.data, phrases },
  }
}

/** Whether a generator of this shape can start from it. */
export const startFits = ({ shape }: LearnedStart, { width, skipWidth, levels }: GeneratorShape): boolean =>
  shape.width === width && shape.skipWidth === skipWidth && shape.levels === levels

/**
 * The first weights for an edit.
 * @param direction [D], of any length: from what the photo shows to the prompt, by the guidance model that the start
 *   was learned with; null for another model
 */
export function startParameters(
  { shape, parameters, conditioned: { names, weight, phrases } }: LearnedStart,
  direction: Float32Array | null,
): Float32Array {
  const flat = parameters.slice()
  if (direction === null) return flat
  const { direction: read } = readDirection(direction, phrases)
  const width = read.length
  conditionedIndices(shape, names).forEach((at, row) => {
    let sum = 0
    for (let d = 0; d < width; d++) sum += weight[row * width + d]! * read[d]!
    flat[at] = flat[at]! + sum
  })
  return flat
}

/** Where the named parameters lie in the flat vector, in its order. */
export function conditionedIndices(shape: GeneratorShape, names: readonly string[]): number[] {
  const wanted = new Set(names)
  const indices: number[] = []
  let offset = 0
  for (const { name, shape: dims } of generatorParameters(shape)) {
    const size = dims.reduce((product, n) => product * n, 1)
    if (wanted.has(name)) for (let i = 0; i < size; i++) indices.push(offset + i)
    offset += size
  }
  return indices
}

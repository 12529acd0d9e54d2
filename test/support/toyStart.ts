import { type GeneratorShape, initialParameters } from '../../src/models/generator.js'
import { noPhrases } from '../../src/models/phraseReading.js'
import { conditionedIndices, type LearnedStart } from '../../src/models/learnedStart.js'

/** A start of random weights, whose last norm depends on what the texts of `model` say. */
export function toyStart(shape: GeneratorShape, model: string, embeddingWidth = 8): LearnedStart {
  const names = ['netG.8.1.bias']
  const rows = conditionedIndices(shape, names).length
  return {
    shape,
    parameters: initialParameters(shape, 5),
    conditioned: {
      guidance: model,
      embeddingWidth,
      names,
      weight: Float32Array.from({ length: rows * embeddingWidth }, (_, i) => Math.sin(i)),
      phrases: noPhrases,
    },
  }
}

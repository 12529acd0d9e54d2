import type { ImageSettings } from '../options/imageOptions.js'

type LearningRateSettings = Pick<ImageSettings, 'learningRate' | 'learningRateDecay' | 'minLearningRate'>

/** Learning rate of step k (from 0): decays by a factor each step, not below its floor (supplement 3). */
export function learningRateAt(
  k: number,
  { learningRate, learningRateDecay, minLearningRate }: LearningRateSettings,
): number {
  let rate = learningRate
  for (let i = 0; i < k && rate !== minLearningRate; i++) rate = Math.max(minLearningRate, learningRateDecay * rate)
  return rate
}

type BootstrapSettings = Pick<
  ImageSettings,
  'lambdaBootstrap' | 'lambdaBootstrapMin' | 'bootstrapSteps' | 'bootstrapSchedule'
>

/** Weight of the bootstrap loss at step k (from 0); 0 once its steps are over. */
export function bootstrapWeightAt(
  k: number,
  { lambdaBootstrap, lambdaBootstrapMin, bootstrapSteps, bootstrapSchedule }: BootstrapSettings,
): number {
  if (k >= bootstrapSteps) return 0
  const annealed = {
    linear: lambdaBootstrap * (1 - (k + 1) / bootstrapSteps),
    exponential: lambdaBootstrap * 0.99 ** (k + 1),
    none: lambdaBootstrap,
  }[bootstrapSchedule]
  return Math.max(annealed, lambdaBootstrapMin)
}

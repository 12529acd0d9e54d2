import type { TrainingPlace } from '../../src/session/openTrainer.js'

/** The same place, which notes each engine and model that is opened, by its name. */
export function countOpenings<Place extends TrainingPlace>(place: Place) {
  const opened: string[] = []
  const counted: Place = {
    ...place,
    runtime: (settings: Parameters<TrainingPlace['runtime']>[0]) => {
      opened.push('runtime')
      return place.runtime(settings)
    },
    models: {
      guidance: (name, ...rest) => {
        opened.push(name)
        return place.models.guidance(name, ...rest)
      },
      bundled: (name) => {
        opened.push(name)
        return place.models.bundled(name)
      },
    } satisfies TrainingPlace['models'],
  }
  return { opened, place: counted }
}

import { Text2LiveError } from '../../errors.js'
import { readHubEnvironment } from './hubEnvironment.js'
import { fetchRepo } from './hubRepo.js'
import { readModelName, type OpenModelOptions } from './openModelSource.js'
import { fetchTorchFile } from './torchFile.js'

/**
 * Fetches a model into the cache, also where an older commit of it is there.
 * @returns the folder of its files, or the path of its `.pt` file
 * @throws OPTION_INVALID for a model that is not fetched, and all that `openModelSource` throws
 */
export async function getModel(value: string, options: OpenModelOptions = {}): Promise<string> {
  const name = readModelName(value)
  const environment = options.environment ?? (await readHubEnvironment())
  if (name.kind === 'url') return await fetchTorchFile(name.url, { ...options, environment })
  if (name.kind !== 'repo') {
    throw new Text2LiveError(
      'OPTION_INVALID',
      name.kind === 'starter'
        ? 'The starter model is part of the package; there is nothing to fetch.'
        : `${value} is a path; there is nothing to fetch. To put it into the cache: text2live models import ${value}`,
    )
  }
  return await fetchRepo(name.repo, { ...options, environment }, true)
}

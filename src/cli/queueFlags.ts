import { Option } from 'commander'
import { Text2LiveError } from '../errors.js'

/** What says where a queue and its files are. */
export interface QueueFlags {
  readonly queue?: string
  readonly queueName: string
  readonly store?: string
}

/** Where addresses may be given: what is on a command line all users of a machine see. */
const [queueVariable, storeVariable] = ['TEXT2LIVE_QUEUE', 'TEXT2LIVE_STORE'] as const

export const queueOptions = (): Option[] => [
  new Option(
    '--queue <address>',
    `the Redis that the jobs wait in: redis://host:port/database, with user:password@ before the host where it asks for them, rediss:// for TLS; or the variable ${queueVariable}`,
  ),
  new Option('--queue-name <name>', 'which queue of that Redis').default('text2live'),
  new Option(
    '--store <place>',
    `where the files of the jobs are: a folder that all machines reach, or s3://bucket/prefix; or the variable ${storeVariable}`,
  ),
]

/** The address of the queue; absent where none is given. */
export const givenQueue = ({ queue }: QueueFlags): string | undefined => queue ?? process.env[queueVariable]

/** @throws OPTION_INVALID where none is given */
export function queueUrl(flags: QueueFlags): string {
  const given = givenQueue(flags)
  if (given !== undefined) return given
  throw new Text2LiveError(
    'OPTION_INVALID',
    `A queue is needed and none was named: give its Redis with --queue redis://host, or in ${queueVariable}.`,
  )
}

/** @throws OPTION_INVALID where none is given */
export function storePlace({ store }: QueueFlags): string {
  const given = store ?? process.env[storeVariable]
  if (given !== undefined) return given
  throw new Text2LiveError(
    'OPTION_INVALID',
    `A queue needs a place for the files of its jobs: give a folder that all machines reach, or s3://bucket/prefix, with --store or in ${storeVariable}.`,
  )
}

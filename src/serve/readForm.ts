import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { overSchema, readOptions } from './apiSchemas.js'
import { limits } from './operations.js'
import { readBody } from './readBody.js'

/** A picture of a request. */
export interface SentPicture {
  readonly name: string
  readonly bytes: Uint8Array
}

/** What a form for a new edit holds. */
export interface SentForm {
  readonly options: GivenOptions
  readonly photo: SentPicture
  readonly mask: SentPicture | null
  readonly over: readonly string[]
}

/** @throws REQUEST_TOO_LARGE, REQUEST_INVALID for a form that is damaged, or lacks a part */
export async function readForm(request: Request): Promise<SentForm> {
  const bytes = await readBody(request, limits.pictures)
  const headers = { 'content-type': request.headers.get('content-type') ?? '' }
  const form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData().catch((cause: unknown) => {
    throw new Text2LiveError(
      'REQUEST_INVALID',
      'Expected a form (multipart/form-data) with the parts "options" and "photo"; what came cannot be read as one. Send it as docs/http.md shows.',
      { cause },
    )
  })
  const photo = await picture(form, 'photo')
  if (photo === null)
    throw new Text2LiveError('REQUEST_INVALID', 'Expected a file in the part "photo" of the form; there is none.')
  return {
    options: await readGiven(form.get('options')),
    photo,
    mask: await picture(form, 'mask'),
    over: await readOver(form.get('over')),
  }
}

async function picture(form: FormData, part: string): Promise<SentPicture | null> {
  const value = form.get(part)
  if (value === null) return null
  if (typeof value === 'string')
    throw new Text2LiveError(
      'REQUEST_INVALID',
      `Expected a file in the part "${part}" of the form; a text came. Send it as docs/http.md shows.`,
    )
  return { name: value.name || part, bytes: new Uint8Array(await value.arrayBuffer()) }
}

async function readOver(part: FormDataEntryValue | null): Promise<readonly string[]> {
  if (part === null) return []
  const parsed = overSchema.safeParse(parseJson(await textOf(part), 'the part "over" of the form'))
  if (parsed.success) return parsed.data
  throw new Text2LiveError('REQUEST_INVALID', 'Expected names of runs as JSON in the part "over", as ["teapot-1"].')
}

/** A program may send a part with a media type, which makes it a file. */
const textOf = async (part: FormDataEntryValue | null): Promise<string> =>
  part === null ? '' : typeof part === 'string' ? part : await part.text()

async function readGiven(part: FormDataEntryValue | null): Promise<GivenOptions> {
  const text = await textOf(part)
  const parsed = readOptions.safeParse(parseJson(text, 'the part "options" of the form'))
  if (parsed.success) return parsed.data
  throw new Text2LiveError(
    'REQUEST_INVALID',
    `Expected options as JSON, as {"prompt": "golden teapot"}: ${parsed.error.issues[0]?.message ?? 'something else came'}.`,
  )
}

/** @throws REQUEST_INVALID */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Text2LiveError(
      'REQUEST_INVALID',
      `Expected JSON in ${what}; what came cannot be read as JSON: ${(cause as Error).message}.`,
      { cause },
    )
  }
}

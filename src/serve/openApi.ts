import { z } from 'zod'
import { errorSchema } from './apiSchemas.js'
import { apiBase, operations, type Operation } from './operations.js'

type Json = Readonly<Record<string, unknown>>

const reasons: Readonly<Record<number, string>> = {
  400: 'The request is not whole, or not what it says it is',
  401: 'No token, or a wrong one',
  403: 'Sent by another site, or to another name than this server has',
  404: 'There is no such run, or no such file',
  409: 'Another process is at work on it',
  413: 'Longer than is taken',
  422: 'It cannot be done so; the code says why',
  500: 'It failed here',
  503: 'Too much at once; try again',
  507: 'The disk is full',
}
/** What every request can be answered with. */
const always = [401, 403, 500, 503]

/** The description of the HTTP interface, OpenAPI 3.1. */
export function openApi(): Json {
  const schemas: Record<string, unknown> = {}
  const reference = (schema: z.ZodType): Json => inComponents(schema, schemas)
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, operation] of Object.entries(operations)) {
    const path = (paths[operation.path] ??= {})
    path[operation.method] = describe(name, operation, reference)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'text2live studio',
      version: '1',
      description:
        'Edits of photos, trained one after another on the machine of this server. Errors are JSON with a stable code.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: apiBase }],
    security: [{ token: [] }, { cookie: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token of the address that the server printed' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'text2live-<port>', description: 'What a browser gets for it' },
      },
      schemas,
    },
  }
}

function describe(name: string, operation: Operation, reference: (schema: z.ZodType) => Json): Json {
  const { path, summary, request, status, answer, errors } = operation
  const failure = { 'application/json': { schema: reference(errorSchema) } }
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
    name: parameter,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    operationId: name,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(name === 'events'
      ? { parameters: [{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } }] }
      : {}),
    ...(request === undefined ? {} : { requestBody: { required: true, content: contents(request, reference) } }),
    responses: {
      [status]: {
        description: status === 204 ? 'Done' : 'Here it is',
        ...(answer === undefined ? {} : { content: contents(answer, reference) }),
      },
      ...Object.fromEntries(
        [...errors, ...always].sort().map((code) => [code, { description: reasons[code], content: failure }]),
      ),
    },
  }
}

function contents(content: NonNullable<Operation['request']>, reference: (schema: z.ZodType) => Json): Json {
  return Object.fromEntries(
    Object.entries(content).map(([type, body]) => {
      if (body === 'bytes') return [type, {}]
      if (!('parts' in body)) return [type, { schema: reference(body) }]
      const parts = Object.entries(body.parts)
      return [
        type,
        {
          schema: {
            type: 'object',
            required: parts.filter(([, { required }]) => required).map(([part]) => part),
            properties: Object.fromEntries(
              parts.map(([part, { schema, about }]) => [
                part,
                schema === 'file'
                  ? { type: 'string', contentMediaType: 'application/octet-stream', description: about }
                  : reference(schema),
              ]),
            ),
          },
          encoding: Object.fromEntries(
            parts
              .filter(([, { schema }]) => schema !== 'file')
              .map(([part]) => [part, { contentType: 'application/json' }]),
          ),
        },
      ]
    }),
  )
}

/** The JSON schema; what has an id goes to the components once. */
function inComponents(schema: z.ZodType, schemas: Record<string, unknown>): Json {
  const {
    $defs = {},
    $schema: _,
    ...json
  } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown> & {
    $defs?: Record<string, unknown>
  }
  for (const [id, definition] of Object.entries($defs)) schemas[id] ??= placed(definition, false)
  const id = schema.meta()?.['id']
  if (typeof id !== 'string') return placed(json, true) as Json
  schemas[id] ??= placed(json, false)
  return { $ref: `#/components/schemas/${id}` }
}

/** References as they are in this document, without the ids that zod repeats in each definition. */
function placed(value: unknown, top: boolean): unknown {
  if (Array.isArray(value)) return value.map((each) => placed(each, true))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => !(key === 'id' && !top && typeof each === 'string'))
      .map(([key, each]) => [
        key,
        key === '$ref' && typeof each === 'string'
          ? each.replace(/^#\/\$defs\//, '#/components/schemas/')
          : placed(each, true),
      ]),
  )
}

/** docs/openapi.json */
export const openApiText = (): string => `${JSON.stringify(openApi(), null, 2)}\n`

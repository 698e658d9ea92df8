import type { Case } from '../case.ts'
import { BOUNDS } from './bounds.ts'
import { CHUNKS } from './chunks.ts'
import { CONNECTION } from './connection.ts'
import { FIELDS } from './fields.ts'
import { FRAMING } from './framing.ts'
import { HYGIENE } from './hygiene.ts'
import { PERSISTENCE } from './persistence.ts'
import { REQUEST_LINE } from './request-line.ts'
import { RESPONSES } from './responses.ts'

/** All tables, by what they are about. A case's place in `CASES` is its id. */
export const TABLES: Readonly<Record<string, readonly Case[]>> = {
  'The request line and the target': REQUEST_LINE,
  'Fields and Host': FIELDS,
  'Where a request ends': FRAMING,
  'Chunked requests and trailers': CHUNKS,
  'Connections that last': PERSISTENCE,
  'Interim answers, upgrades, early answers': CONNECTION,
  'Answers of origins': RESPONSES,
  'Fields of one hop': HYGIENE,
  'Overhead without end': BOUNDS,
}

export const CASES: readonly Case[] = Object.values(TABLES).flat()

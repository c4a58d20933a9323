import type { YAMLError } from 'yaml';

const INDENT = 'indent with spaces, the keys of one mapping in the same column';
const QUOTE = 'put a text with special characters in quotes';

/** What to say for an error of the parser, in our own words: its messages repeat pieces of the source, which may be secrets. */
export const SYNTAX: Readonly<Record<YAMLError['code'], readonly [message: string, hint: string | undefined]>> = {
  ALIAS_PROPS: ['an alias cannot have an anchor or a tag', undefined],
  BAD_ALIAS: ['the alias or anchor has no proper name', undefined],
  BAD_COLLECTION_TYPE: ['the tag does not fit the collection', 'leave the tag out'],
  BAD_DIRECTIVE: ['the directive is not one of YAML 1.2', 'leave it out'],
  BAD_DQ_ESCAPE: [
    'the text in double quotes has an unknown escape sequence',
    'write \\\\ for a backslash, or use single quotes',
  ],
  BAD_INDENT: ['the indentation does not fit what stands above, or a bracket is still open there', INDENT],
  BAD_PROP_ORDER: ['anchor and tag stand in the wrong place', undefined],
  BAD_SCALAR_START: ['a plain text cannot begin with this character', QUOTE],
  BLOCK_AS_IMPLICIT_KEY: [
    'a nested mapping cannot stand in one line with its key',
    'put it on lines of its own, or in braces, or the text in quotes',
  ],
  BLOCK_IN_FLOW: [
    'inside braces and brackets there is no indented mapping or list',
    'write it in braces or brackets too',
  ],
  DUPLICATE_KEY: ['the same key stands twice', undefined],
  IMPOSSIBLE: ['the YAML cannot be read here', undefined],
  KEY_OVER_1024_CHARS: ['the key is longer than 1024 characters', undefined],
  MISSING_CHAR: [
    'a quote, bracket, brace, colon, comma or space is missing',
    'look at this line and the ones above it',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key stretches over several lines', 'look for a missing colon or quote'],
  MULTIPLE_ANCHORS: ['a value has two anchors', undefined],
  MULTIPLE_DOCS: ['another document begins here', 'separate documents with a line ---'],
  MULTIPLE_TAGS: ['a value has two tags', undefined],
  NON_STRING_KEY: ['a key is not a text', 'write a plain word before the colon'],
  RESOURCE_EXHAUSTION: ['the YAML is nested too deeply or too large', undefined],
  TAB_AS_INDENT: ['tabs do not indent in YAML', INDENT],
  TAG_RESOLVE_FAILED: ['the tag is not known', 'leave the tag out'],
  UNEXPECTED_TOKEN: [
    'this cannot stand here',
    'look for a missing colon, quote or indentation on this line and the one above it',
  ],
};

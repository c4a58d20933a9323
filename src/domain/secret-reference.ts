/** Where a secret comes from. The value is resolved as late as possible and never stored in Desired, plans or logs. */
export type SecretReference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'exec'; readonly command: readonly string[] };

/** Where a secret is found; never the secret itself. */
export interface SecretPlace {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

/** How a bucket is reached. What is not said comes from the environment, as docs/stores.md lists it. */
export interface BucketSettings {
  /** `s3://bucket` or `oss://bucket` */
  readonly bucket: string;
  /** As the service names it: `eu-central-1`, `cn-hangzhou`. */
  readonly region?: string | undefined;
  /** URL of the service, without the bucket; with `cname`, the bucket's own. */
  readonly endpoint?: string | undefined;
  /** s3: the bucket is the first part of the path and not of the host. Default: with an endpoint of one's own */
  readonly pathStyle?: boolean | undefined;
  /** oss: the endpoint for machines in the same region. */
  readonly internal?: boolean | undefined;
  /** oss: the endpoint is a domain of the bucket's owner. */
  readonly cname?: boolean | undefined;
  /** oss: URL of the service that gives credentials for roles. Default: the region's */
  readonly stsEndpoint?: string | undefined;
  /** Bytes of a part of large objects. */
  readonly partBytes?: number | undefined;
  /** Fixed credentials. */
  readonly accessKeyId?: SecretPlace | undefined;
  readonly accessKeySecret?: SecretPlace | undefined;
  readonly securityToken?: SecretPlace | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a driver for buckets works with. */
export interface BucketContext {
  readonly bucket: string;
  readonly settings: Omit<BucketSettings, "bucket">;
  readonly env: Environment;
  readonly secret: (place: SecretPlace) => Promise<string>;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string | undefined;
}

/** The credentials that the settings name, read anew; undefined when they name none. */
export async function configuredKey({ settings, secret }: BucketContext): Promise<AccessKey | undefined> {
  const { accessKeyId, accessKeySecret, securityToken } = settings;
  if (accessKeyId === undefined || accessKeySecret === undefined) return undefined;
  return {
    accessKeyId: await secret(accessKeyId),
    accessKeySecret: await secret(accessKeySecret),
    securityToken: securityToken && (await secret(securityToken)),
  };
}

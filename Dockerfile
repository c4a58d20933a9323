# hoard as a container: no compiler, no development packages, an unprivileged user.
# docker build -t hoard . && docker run --rm -v ./policies:/policies:ro -v backups:/var/lib/hoard hoard -f /policies plan
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
RUN npm ci --no-audit --no-fund
COPY schema schema
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
RUN useradd --system --home-dir /var/lib/hoard --create-home --uid 970 hoard
WORKDIR /opt/hoard
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/dist dist
COPY bin bin
COPY schema schema
COPY package.json LICENSE ./
RUN ln -s /opt/hoard/bin/hoard.mjs /usr/local/bin/hoard
USER hoard
WORKDIR /var/lib/hoard
ENTRYPOINT ["hoard"]
CMD ["--help"]

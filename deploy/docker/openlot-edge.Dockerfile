# An edge agent without a machine of its own, for trials: on a Raspberry Pi install
# the Debian package, which brings the unit, the updates and the watchdog.
#   docker build -f deploy/docker/openlot-edge.Dockerfile --build-arg VERSION=v0.2.0 -t openlot-edge .
FROM golang:1.26 AS build
ARG VERSION=dev
WORKDIR /src
COPY protocol/go.mod protocol/go.sum ./protocol/
COPY firmware-bridge/go.mod firmware-bridge/go.sum ./firmware-bridge/
COPY edge/go.mod edge/go.sum ./edge/
RUN cd edge && GOWORK=off go mod download
COPY protocol ./protocol
COPY firmware-bridge ./firmware-bridge
COPY edge ./edge
RUN cd edge && GOWORK=off CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /openlot-edge ./cmd/openlot-edge

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /openlot-edge /openlot-edge
USER 65532:65532
VOLUME /data
EXPOSE 8090
ENTRYPOINT ["/openlot-edge"]
CMD ["run"]

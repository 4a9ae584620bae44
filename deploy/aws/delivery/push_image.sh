#!/bin/sh
# push_image.sh REPOSITORY DOCKERFILE: builds an image, pushes it under the commit, waits for its
# scan, prints its digest (all else goes to stderr). A commit that was pushed before keeps its image:
# tags never move. Exit code 1: the scan found something critical.
set -eu

repository=$1
dockerfile=$2
tag=$CODEBUILD_RESOLVED_SOURCE_VERSION
image=$REGISTRY/$repository:$tag

digest() {
    aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" \
        --query 'imageDetails[0].imageDigest' --output text
}

if ! digest >/dev/null 2>&1; then
    docker build --pull --file "$dockerfile" --tag "$image" . >&2
    docker push "$image" >&2
fi
found=$(digest)
aws ecr wait image-scan-complete --repository-name "$repository" --image-id "imageDigest=$found" >&2
critical=$(aws ecr describe-image-scan-findings --repository-name "$repository" \
    --image-id "imageDigest=$found" --output text \
    --query 'imageScanFindings.findingSeverityCounts.CRITICAL')
case $critical in
    None | 0) echo "$found" ;;
    *)
        echo "$repository: the scan found $critical critical weaknesses in $found" >&2
        exit 1
        ;;
esac

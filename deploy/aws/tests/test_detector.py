"""The detector: reads in order, never stops at a poisoned record, asks a private forest."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_a_poisoned_record_is_cut_out_and_kept(full: Assembly, values: Values) -> None:
    """Partial failures, bisection, five tries, then the dead letters."""
    for stack in ("stream", "recovery-stream"):
        own: Any = values.of(full.one("AWS::Lambda::EventSourceMapping", stack=stack))
        assert own["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert own["BisectBatchOnFunctionError"] is True
        assert own["MaximumRetryAttempts"] == 5
        assert own["DestinationConfig"]["OnFailure"]["Destination"]
        assert own["StartingPosition"] == "TRIM_HORIZON"


def test_the_forest_is_private_and_encrypted(full: Assembly, values: Values) -> None:
    """Our container, our model, no network of its own, its disk under our key, in two machines."""
    model: Any = values.of(full.one("AWS::SageMaker::Model", stack="stream"))
    assert model["EnableNetworkIsolation"] is True
    assert len(model["VpcConfig"]["Subnets"]) == 3
    container = model["PrimaryContainer"]
    assert container["Image"].endswith("/tallystick-rcf:0.1.0")
    assert container["ModelDataUrl"] == (
        "s3://tallystick-archive-333333333333-eu-west-1/models/forest/model.tar.gz"
    )
    shape: Any = values.of(full.one("AWS::SageMaker::EndpointConfig", stack="stream"))
    assert shape["KmsKeyId"]
    assert shape["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_the_consumer_asks_that_endpoint_and_no_other(full: Assembly, values: Values) -> None:
    """It is told its name, and may invoke nothing else."""
    function = full.one(
        "AWS::Lambda::Function", stack="stream", Handler="tallystick.wiring.aws.consume.handler"
    )
    variables: Any = values.of(function)["Environment"]
    assert variables["Variables"]["TALLYSTICK_FOREST"] == "sagemaker:tallystick-forest"
    assert variables["Variables"]["TALLYSTICK_BUS"] == "tallystick"
    policy = next(
        each
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="stream")
        if each.logical_id.startswith("DetectorConsumerRole")
    )
    document: Any = values.of(policy)["PolicyDocument"]
    (invoke,) = [
        each for each in document["Statement"] if "sagemaker:InvokeEndpoint" in each["Action"]
    ]
    assert invoke["Resource"].endswith(":endpoint/tallystick-forest")


def test_without_sagemaker_the_consumer_has_a_forest_of_its_own(small: Assembly) -> None:
    """The switch takes endpoint, permission and setting away together."""
    assert not small.resources("AWS::SageMaker::Endpoint")
    function = small.one("AWS::Lambda::Function", Handler="tallystick.wiring.aws.consume.handler")
    assert function.properties["Environment"]["Variables"]["TALLYSTICK_FOREST"] == "own"
